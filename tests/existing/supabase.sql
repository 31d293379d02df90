-- A stand-in for a Supabase project: what is around the tables of schema public. For an empty database, run by a superuser.

-- Roles belong to the whole server: another run may make them at the same moment.
DO $$
DECLARE
    made text;
BEGIN
    FOREACH made IN ARRAY ARRAY[
        'CREATE ROLE anon NOLOGIN',
        'CREATE ROLE authenticated NOLOGIN',
        'CREATE ROLE service_role NOLOGIN BYPASSRLS',
        'CREATE ROLE supabase_auth_admin NOLOGIN',
        -- What `postgres` is in a project: the tables' owner, no superuser.
        'CREATE ROLE project_owner LOGIN CREATEROLE BYPASSRLS'
    ] LOOP
        BEGIN
            EXECUTE made;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END LOOP;
END
$$;

GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES FOR ROLE CURRENT_USER, project_owner IN SCHEMA public
    GRANT ALL ON TABLES TO anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES FOR ROLE CURRENT_USER, project_owner IN SCHEMA public
    GRANT ALL ON FUNCTIONS TO anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES FOR ROLE CURRENT_USER, project_owner IN SCHEMA public
    GRANT ALL ON SEQUENCES TO anon, authenticated, service_role;

CREATE SCHEMA extensions;
GRANT USAGE ON SCHEMA extensions TO anon, authenticated, service_role;

-- Not every server brings them.
DO $$
DECLARE
    extension name;
BEGIN
    FOR extension IN SELECT name FROM pg_available_extensions WHERE name IN ('pgcrypto', 'uuid-ossp') LOOP
        EXECUTE format('CREATE EXTENSION IF NOT EXISTS %I SCHEMA extensions', extension);
    END LOOP;
END
$$;

CREATE SCHEMA auth;
GRANT USAGE ON SCHEMA auth TO anon, authenticated, service_role, supabase_auth_admin, project_owner;

CREATE TABLE auth.users (
    id uuid PRIMARY KEY,
    aud text,
    role text,
    email text,
    encrypted_password text,
    email_confirmed_at timestamptz,
    raw_app_meta_data jsonb,
    raw_user_meta_data jsonb,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now()
);
ALTER TABLE auth.users ENABLE ROW LEVEL SECURITY;
CREATE POLICY "The sign-up service writes accounts" ON auth.users TO supabase_auth_admin USING (true);
GRANT ALL ON auth.users TO supabase_auth_admin, project_owner;

CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        nullif(current_setting('request.jwt.claim.sub', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
    )::uuid
$$;
GRANT EXECUTE ON FUNCTION auth.uid() TO anon, authenticated, service_role, project_owner;
