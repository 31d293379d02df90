# The image of the service, for use with a PostgreSQL that runs elsewhere. `make image` builds it, compose.yaml runs it.
# Its port 8000 is for a proxy that buffers requests and answers, and for trusted networks: a slow client holds a thread.
#
# Migrating is a step of its own, before the first start and after each update; it needs DATABASE_URL alone:
#   docker run --rm -e DATABASE_URL flux-dao-service flask db upgrade
# Serving needs the keys too:
#   docker run -e DATABASE_URL -e SERVICE_API_KEYS -p 8000:8000 flux-dao-service

FROM python:3.11-slim AS builder
WORKDIR /build
# With --build-arg REQUIREMENTS=requirements-otel.txt the image can send traces.
ARG REQUIREMENTS=requirements.txt
COPY requirements.txt requirements-otel.txt ./
# Wheels alone, so that no compiler is needed. The environment gets no pip, since nothing is installed later.
RUN python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install \
        --no-cache-dir --disable-pip-version-check --only-binary :all: -r "$REQUIREMENTS"

FROM python:3.11-slim
# A fixed number, not only a name: a cluster can tell from it that this is not root.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin flux
COPY --from=builder /opt/venv /opt/venv
WORKDIR /srv/flux
# All of it belongs to root: the service cannot change its own code, and needs no place on disk to write to.
COPY wsgi.py gunicorn.conf.py ./
COPY migrations/ migrations/
COPY app/ app/
COPY docs/ docs/
# Loopback inside a container is reached by nobody, so it listens on every address, and then refuses to start keyless.
ENV PATH="/opt/venv/bin:$PATH" \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    PORT=8000 \
    ADMIN_PORT=8001
USER 10001:10001
EXPOSE 8000
# Whether the process lives, at the port for probes. Whether the database does is for /ready: to restart this container
# would not mend that.
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s \
    CMD ["python", "-c", "import http.client, os; \
        server = http.client.HTTPConnection('127.0.0.1', os.environ['ADMIN_PORT'], timeout=2); \
        server.request('GET', '/health'); \
        exit(server.getresponse().status != 200)"]
# After a TERM it answers what it has accepted, for at most 30 s; give it that long: docker stop --time 35.
STOPSIGNAL SIGTERM
# The list form makes gunicorn process 1, which gets the signal. It reads gunicorn.conf.py from the working directory.
CMD ["gunicorn", "wsgi:app"]
