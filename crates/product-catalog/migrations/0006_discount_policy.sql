create table product_catalog.discount_policy (
    id uuid not null,
    -- Empty for the default policy.
    category_code text collate "C" not null,
    -- What each level may grant, and the reason.
    content jsonb not null,
    version bigint not null,
    create_time timestamptz not null,
    update_time timestamptz not null,
    delete_time timestamptz,
    constraint discount_policy_pkey primary key (id),
    constraint discount_policy_category_code_key unique (category_code)
);

grant select, insert, update on product_catalog.discount_policy to product_catalog_service;
