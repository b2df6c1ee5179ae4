SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.api_key (
    id bigint NOT NULL,
    name character varying(64) NOT NULL,
    digest bytea NOT NULL,
    scopes json NOT NULL,
    series json,
    created_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone
);
CREATE SEQUENCE public.api_key_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.api_key_id_seq OWNED BY public.api_key.id;
CREATE TABLE public.batch (
    id bigint NOT NULL,
    key character varying(255) NOT NULL,
    fingerprint character varying(64) NOT NULL,
    token character varying(32) NOT NULL,
    ranges json,
    issued_at timestamp with time zone,
    expires_at timestamp with time zone NOT NULL
);
CREATE SEQUENCE public.batch_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.batch_id_seq OWNED BY public.batch.id;
CREATE TABLE public.block (
    id bigint NOT NULL,
    series_id bigint NOT NULL,
    start bigint NOT NULL,
    "end" bigint NOT NULL,
    state character varying(8) NOT NULL,
    instance character varying(255) NOT NULL,
    leased_at timestamp with time zone NOT NULL,
    released_at timestamp with time zone,
    CONSTRAINT ck_block_start_before_end CHECK ((start < "end")),
    CONSTRAINT ck_block_state_known CHECK (((state)::text = ANY ((ARRAY['leased'::character varying, 'spent'::character varying, 'returned'::character varying, 'skipped'::character varying])::text[])))
);
CREATE SEQUENCE public.block_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.block_id_seq OWNED BY public.block.id;
CREATE TABLE public.number_space (
    id bigint NOT NULL,
    name character varying(64) NOT NULL,
    format character varying(16) NOT NULL,
    options json NOT NULL,
    key bytea NOT NULL,
    moved_at timestamp with time zone
);
CREATE SEQUENCE public.number_space_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.number_space_id_seq OWNED BY public.number_space.id;
CREATE TABLE public.series (
    id bigint NOT NULL,
    name character varying(32) NOT NULL,
    number_space_id bigint NOT NULL,
    block_size integer NOT NULL,
    first_serial bigint NOT NULL,
    next_serial bigint NOT NULL,
    end_serial bigint NOT NULL,
    lease_count bigint DEFAULT '0'::bigint NOT NULL,
    returned_blocks integer DEFAULT 0 NOT NULL,
    failover_skip bigint NOT NULL,
    timeline character varying(64),
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT ck_series_block_size_positive CHECK ((block_size > 0)),
    CONSTRAINT ck_series_serials_in_order CHECK (((0 <= first_serial) AND (first_serial <= next_serial) AND (next_serial <= end_serial)))
);
CREATE SEQUENCE public.series_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.series_id_seq OWNED BY public.series.id;
ALTER TABLE ONLY public.api_key ALTER COLUMN id SET DEFAULT nextval('public.api_key_id_seq'::regclass);
ALTER TABLE ONLY public.batch ALTER COLUMN id SET DEFAULT nextval('public.batch_id_seq'::regclass);
ALTER TABLE ONLY public.block ALTER COLUMN id SET DEFAULT nextval('public.block_id_seq'::regclass);
ALTER TABLE ONLY public.number_space ALTER COLUMN id SET DEFAULT nextval('public.number_space_id_seq'::regclass);
ALTER TABLE ONLY public.series ALTER COLUMN id SET DEFAULT nextval('public.series_id_seq'::regclass);
INSERT INTO public.alembic_version VALUES ('0004');
INSERT INTO public.block VALUES (1, 1, 0, 60, 'spent', 'host:31636:084bdc09', '2026-11-27 15:33:24.091407+00', '2026-11-27 15:33:24.436934+00');
INSERT INTO public.block VALUES (2, 1, 60, 120, 'spent', 'host:31720:1b31fccf', '2026-11-27 15:33:30.796346+00', '2026-11-27 15:33:31.316753+00');
INSERT INTO public.block VALUES (3, 1, 120, 10000, 'returned', 'host:31720:1b31fccf', '2026-11-27 15:33:30.796346+00', '2026-11-27 15:33:31.316753+00');
INSERT INTO public.block VALUES (4, 2, 10000000000000, 10000000000060, 'spent', 'host:31738:90c1e495', '2026-11-27 15:33:40.736468+00', '2026-11-27 15:33:41.660247+00');
INSERT INTO public.block VALUES (5, 2, 10000000000060, 10000000000100, 'returned', 'host:31738:90c1e495', '2026-11-27 15:33:40.736468+00', '2026-11-27 15:33:41.660247+00');
INSERT INTO public.block VALUES (6, 3, 0, 60, 'spent', 'host:31838:dcfc8a50', '2026-11-27 15:33:50.842628+00', '2026-11-27 15:33:51.244074+00');
INSERT INTO public.block VALUES (7, 3, 60, 1000, 'returned', 'host:31838:dcfc8a50', '2026-11-27 15:33:50.842628+00', '2026-11-27 15:33:51.244074+00');
INSERT INTO public.block VALUES (8, 4, 0, 60, 'spent', 'host:31935:9caeaf71', '2026-11-27 15:33:58.757136+00', '2026-11-27 15:33:59.490609+00');
INSERT INTO public.block VALUES (9, 4, 60, 1000, 'returned', 'host:31935:9caeaf71', '2026-11-27 15:33:58.757136+00', '2026-11-27 15:33:59.490609+00');
INSERT INTO public.number_space VALUES (1, 'routed', 'routed', '{}', '\xb1f79bf1fb5ef46e22cde3d271c82814ddbcf6916637dc4059f61deb11edcd68', NULL);
INSERT INTO public.number_space VALUES (2, 's10:RA:MY', 's10', '{"service": "RA", "country": "MY"}', '\x7e6098c2f8e53d48d9ba1f5fbcd4dac6830b5e1a0396e82a7feade305ce1b34b', NULL);
INSERT INTO public.number_space VALUES (3, 's10:LX:ID', 's10', '{"service": "LX", "country": "ID"}', '\x6244ca86802b233fbb9f833b6a9f19c9bf430f48c9c3013bed5758666ac08b6e', NULL);
INSERT INTO public.series VALUES (1, 'default', 1, 10000, 0, 10000, 10000000000000, 2, 1, 1000000000, '7712874667669551586/00000001', '2026-11-27 15:33:02.603697+00');
INSERT INTO public.series VALUES (2, 'air', 1, 100, 10000000000000, 10000000000100, 10000001000000, 1, 1, 1000, '7712874667669551586/00000001', '2026-11-27 15:33:08.512932+00');
INSERT INTO public.series VALUES (3, 'my-post', 2, 1000, 0, 1000, 100000000, 1, 1, 100000, '7712874667669551586/00000001', '2026-11-27 15:33:14.270798+00');
INSERT INTO public.series VALUES (4, 'their-post', 3, 1000, 0, 1000, 100000000, 1, 1, 100000, '7712874667669551586/00000001', '2026-11-27 15:33:18.14187+00');
SELECT pg_catalog.setval('public.api_key_id_seq', 1, false);
SELECT pg_catalog.setval('public.batch_id_seq', 1, false);
SELECT pg_catalog.setval('public.block_id_seq', 9, true);
SELECT pg_catalog.setval('public.number_space_id_seq', 3, true);
SELECT pg_catalog.setval('public.series_id_seq', 4, true);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.api_key
    ADD CONSTRAINT pk_api_key PRIMARY KEY (id);
ALTER TABLE ONLY public.batch
    ADD CONSTRAINT pk_batch PRIMARY KEY (id);
ALTER TABLE ONLY public.block
    ADD CONSTRAINT pk_block PRIMARY KEY (id);
ALTER TABLE ONLY public.number_space
    ADD CONSTRAINT pk_number_space PRIMARY KEY (id);
ALTER TABLE ONLY public.series
    ADD CONSTRAINT pk_series PRIMARY KEY (id);
ALTER TABLE ONLY public.api_key
    ADD CONSTRAINT uq_api_key_digest UNIQUE (digest);
ALTER TABLE ONLY public.batch
    ADD CONSTRAINT uq_batch_key UNIQUE (key);
ALTER TABLE ONLY public.block
    ADD CONSTRAINT uq_block_series_id_start UNIQUE (series_id, start);
ALTER TABLE ONLY public.number_space
    ADD CONSTRAINT uq_number_space_name UNIQUE (name);
ALTER TABLE ONLY public.series
    ADD CONSTRAINT uq_series_name UNIQUE (name);
ALTER TABLE ONLY public.series
    ADD CONSTRAINT uq_series_number_space_id_first_serial UNIQUE (number_space_id, first_serial);
CREATE INDEX ix_batch_expires_at ON public.batch USING btree (expires_at);
CREATE INDEX ix_block_instance ON public.block USING btree (instance);
CREATE INDEX ix_block_returned ON public.block USING btree (series_id, start) WHERE ((state)::text = 'returned'::text);
CREATE UNIQUE INDEX uq_api_key_name_live ON public.api_key USING btree (name) WHERE (revoked_at IS NULL);
ALTER TABLE ONLY public.block
    ADD CONSTRAINT fk_block_series_id_series FOREIGN KEY (series_id) REFERENCES public.series(id);
ALTER TABLE ONLY public.series
    ADD CONSTRAINT fk_series_number_space_id_number_space FOREIGN KEY (number_space_id) REFERENCES public.number_space(id);
