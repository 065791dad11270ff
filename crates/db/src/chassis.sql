-- What every service has: request ids, the events, the imports. `crates/db` and `crates/events` know these tables.

create table {schema}.request (
    principal text not null,
    method text not null,
    request_id uuid not null,
    digest bytea not null,
    resource_id uuid not null,
    create_time timestamptz not null,
    constraint request_pkey primary key (principal, method, request_id)
);

-- For forgetting what is older than a week.
create index request_create_time_idx on {schema}.request (create_time);

-- One row; its lock orders the commits of the schema.
create table {schema}.event_head (
    id smallint not null,
    position bigint not null,
    constraint event_head_pkey primary key (id),
    constraint event_head_id_check check (id = 1)
);

insert into {schema}.event_head (id, position) values (1, 0);

create table {schema}.event (
    position bigint not null,
    id uuid not null,
    kind text not null,
    subject text collate "C" not null,
    version bigint not null,
    time timestamptz not null,
    actor text not null,
    method text not null,
    traceparent text,
    territory_code text collate "C",
    territory_path text collate "C",
    previous_territory_code text collate "C",
    previous_territory_path text collate "C",
    mentions text[] not null,
    payload_type text not null,
    payload bytea not null,
    constraint event_pkey primary key (position),
    constraint event_subject_version_key unique (subject, version)
);

create table {schema}.import (
    principal text not null,
    import_id uuid not null,
    noun text not null,
    mode text not null,
    -- Numbers of the rows that landed: mostly one range.
    settled int8multirange not null,
    create_time timestamptz not null,
    update_time timestamptz not null,
    constraint import_pkey primary key (principal, import_id)
);

grant select, insert, update, delete on {schema}.request to {schema}_service;
grant select, update on {schema}.event_head to {schema}_service;
grant select, insert on {schema}.event to {schema}_service;
grant select, insert, update on {schema}.import to {schema}_service;
