create table product_catalog.bundle (
    id uuid not null,
    code text collate "C" not null,
    name_zh text not null,
    name_en text,
    kind text not null,
    state text not null,
    -- Codes of the components, for whoever asks which bundles need an offering.
    offering_codes text[] not null,
    valid_from_date date,
    valid_to_date date,
    -- Components with their quantities, and the discount.
    content jsonb not null,
    version bigint not null,
    create_time timestamptz not null,
    update_time timestamptz not null,
    delete_time timestamptz,
    constraint bundle_pkey primary key (id),
    constraint bundle_code_key unique (code),
    constraint bundle_state_check check (state in ('DRAFT', 'PUBLISHED', 'RETIRED')),
    constraint bundle_deleted_check check (delete_time is null or state = 'DRAFT'),
    constraint bundle_dates_check check (valid_to_date > valid_from_date)
);

create index bundle_offering_codes_idx on product_catalog.bundle using gin (offering_codes);

grant select, insert, update on product_catalog.bundle to product_catalog_service;
