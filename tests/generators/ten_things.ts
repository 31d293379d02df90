/** Ten things that openapi-fetch does with the types of openapi-typescript, through the client of docs/clients.md. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { flux } from "./made/flux.js";
import type { components } from "./made/schema.js";

type Task = components["schemas"]["Task"];

/** What an answer that is no problem holds. */
function whole<Data>(answer: { data?: Data; error?: components["schemas"]["Problem"] }): Data {
  if (answer.data === undefined) throw new Error(answer.error?.detail);
  return answer.data;
}

// 1. A create with a key, sent twice, is done once.
const person = {
  params: { header: { "Idempotency-Key": randomUUID() } },
  body: { email: `${randomUUID()}@example.com`, timezone: "Asia/Dubai" },
};
const ada = whole(await flux.POST("/api/v1/users", person));
const again = await flux.POST("/api/v1/users", person);
assert.equal(whole(again).id, ada.id);
assert.equal(again.response.headers.get("Idempotent-Replayed"), "true");
const user_id = ada.id!;

// 2. A batch, whose second operation refers to the first.
const batch = whole(
  await flux.POST("/api/v1/batch", {
    body: {
      operations: [
        { method: "POST", path: "/goals", name: "goal", body: { user_id, title: "Run 10 km" } },
        {
          method: "POST",
          path: "/tasks",
          body: { user_id, goal_id: { $ref: "goal.id" }, title: "Run 3 km", class_tags: ["a", "b"] },
        },
      ],
    },
  }),
);
assert.deepEqual(batch.operations.map((each) => each.status), [201, 201]);

// 3. Filters: a column twice with two operators, lists, null, and an operator that is not listed.
for (const title of ["Rest", "Sleep", "Swim"]) {
  whole(await flux.POST("/api/v1/tasks", { body: { user_id, title, duration_minutes: title.length * 5 } }));
}
const titles = async (filter: components["schemas"]["TaskFilter"]) => {
  const answer = await flux.GET("/api/v1/tasks", { params: { query: { filter: { user_id, ...filter }, sort: ["title"] } } });
  return whole(answer).items.map((task) => task.title);
};
assert.deepEqual(await titles({ duration_minutes__gt: 20, duration_minutes__lte: 25 }), ["Sleep"]);
assert.deepEqual(await titles({ status__in: ["pending", "done"], title__in: ["Rest", "Swim"] }), ["Rest", "Swim"]);
assert.deepEqual(await titles({ goal_id__isnull: true, title__like: "S*" }), ["Sleep", "Swim"]);

// 4. An expansion, typed.
const query = { filter: { user_id, class_tags__contains: "b" }, expand: ["goal" as const] };
const [task] = whole(await flux.GET("/api/v1/tasks", { params: { query } })).items;
assert.equal(task?.goal?.title, "Run 10 km");
const id = task!.id!;

// 5. A conditional change, and 6. one that comes too late, which is a problem of a kind.
const first = { path: { id }, header: { "If-Match": '"1"' } };
const changed = whole(await flux.PATCH("/api/v1/tasks/{id}", { params: first, body: { status: "done" } }));
assert.deepEqual([changed.status, changed.version], ["done", 2]);
const late = await flux.PATCH("/api/v1/tasks/{id}", { params: first, body: { status: "missed" } });
assert.equal(late.response.status, 412);
assert.equal(late.error?.type, "/problems/stale-version");

// 7. A merge patch: a key of an object changes, the others stay.
let preferences: unknown;
for (const body of [{ quiet: true, channel: "push" }, { quiet: false }]) {
  const answer = await flux.PATCH("/api/v1/users/{id}", {
    params: { path: { id: user_id } },
    headers: { "Content-Type": "application/merge-patch+json" },
    body: { notification_preferences: body },
  });
  preferences = whole(answer).notification_preferences;
}
assert.deepEqual(preferences, { quiet: false, channel: "push" });

// 8. A row that has not changed is 304.
const same = { path: { id }, header: { "If-None-Match": '"2"' } };
assert.equal((await flux.GET("/api/v1/tasks/{id}", { params: same })).response.status, 304);

// 9. A walk over pages by their cursor.
const walked: Task[] = [];
let cursor: string | undefined;
do {
  const page = await flux.GET("/api/v1/tasks", { params: { query: { filter: { user_id }, sort: ["title"], limit: 1, cursor } } });
  walked.push(...whole(page).items);
  cursor = page.data?.next_cursor ?? undefined;
} while (cursor);
assert.deepEqual(walked.map((each) => each.title), ["Rest", "Run 3 km", "Sleep", "Swim"]);

// 10. Statistics, and a removal by filter.
const years = { filter: { user_id }, start_date: "2020-01-01", end_date: "2100-01-01" };
const statistics = whole(await flux.GET("/api/v1/tasks/statistics", { params: { query: years } }));
assert.equal("total_tasks" in statistics && statistics.total_tasks, 4);
const removed = whole(await flux.DELETE("/api/v1/tasks", { params: { query: { filter: { user_id } } } }));
assert.equal(removed.deleted_count, 4);
