create table product_catalog.category (
    id uuid not null,
    code text collate "C" not null,
    name_zh text not null,
    name_en text,
    parent_code text collate "C",
    -- Codes from the top, each followed by '/': a subtree is a range. Categories do not move.
    path text collate "C" not null,
    -- Null where it is taken from the category above.
    functional_class text,
    strategic_class text,
    version bigint not null,
    create_time timestamptz not null,
    update_time timestamptz not null,
    delete_time timestamptz,
    constraint category_pkey primary key (id),
    constraint category_code_key unique (code)
);

create index category_path_idx on product_catalog.category (path, id);
-- For whether a category still has others below it.
create index category_parent_code_idx on product_catalog.category (parent_code);

grant select, insert, update on product_catalog.category to product_catalog_service;
