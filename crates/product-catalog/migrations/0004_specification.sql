create table product_catalog.specification (
    id uuid not null,
    code text collate "C" not null,
    name_zh text not null,
    name_en text,
    -- A list of what can be configured; published offerings have copies.
    characteristics jsonb not null,
    version bigint not null,
    create_time timestamptz not null,
    update_time timestamptz not null,
    delete_time timestamptz,
    constraint specification_pkey primary key (id),
    constraint specification_code_key unique (code)
);

grant select, insert, update on product_catalog.specification to product_catalog_service;
