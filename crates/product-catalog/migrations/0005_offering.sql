create table product_catalog.offering (
    id uuid not null,
    code text collate "C" not null,
    version_number integer not null,
    state text not null,
    name_zh text not null,
    name_en text,
    category_codes text[] not null,
    specification_code text collate "C",
    supply text not null,
    valid_from_date date,
    -- First day on which it is no longer sold.
    valid_to_date date,
    prerequisite_offering_codes text[] not null,
    successor_code text collate "C",
    -- What the database neither ensures nor looks for.
    content jsonb not null,
    version bigint not null,
    create_time timestamptz not null,
    update_time timestamptz not null,
    publish_time timestamptz,
    retire_time timestamptz,
    delete_time timestamptz,
    constraint offering_pkey primary key (id),
    constraint offering_version_key unique (code, version_number),
    constraint offering_state_check check (state in ('DRAFT', 'PUBLISHED', 'RETIRED')),
    constraint offering_deleted_check check (delete_time is null or state = 'DRAFT')
);

-- An offering has one draft at a time.
create unique index offering_draft_key on product_catalog.offering (code) where state = 'DRAFT' and delete_time is null;
-- The order of lists; ids ascend with the numbers of versions.
create index offering_code_idx on product_catalog.offering (code, id);
-- For whether something is still named.
create index offering_category_codes_idx on product_catalog.offering using gin (category_codes);
create index offering_prerequisites_idx on product_catalog.offering using gin (prerequisite_offering_codes);
create index offering_specification_idx on product_catalog.offering (specification_code);

-- One row; its lock orders what decides what is sold, so that what one change finds of other offerings stays true until it commits.
create table product_catalog.publishing (
    id smallint not null,
    constraint publishing_pkey primary key (id),
    constraint publishing_id_check check (id = 1)
);

insert into product_catalog.publishing (id) values (1);

grant select, insert, update on product_catalog.offering to product_catalog_service;
-- `update` is what the row lock asks for.
grant select, update on product_catalog.publishing to product_catalog_service;
