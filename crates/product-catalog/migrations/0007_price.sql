create table product_catalog.price (
    id uuid not null,
    offering_code text collate "C" not null,
    charge_kind text not null,
    currency_code text not null,
    -- How the amount follows from the quantity: model, amounts, tiers, reductions.
    content jsonb not null,
    -- Asia/Shanghai; half-open. Live prices of one offering and kind never overlap: whoever changes one holds the offering's lock.
    valid_from_date date not null,
    valid_to_date date,
    -- What prices are listed by: the code of the offering, a blank, the first day.
    list_key text collate "C" not null,
    version bigint not null,
    create_time timestamptz not null,
    update_time timestamptz not null,
    delete_time timestamptz,
    constraint price_pkey primary key (id),
    constraint price_dates_check check (valid_to_date > valid_from_date)
);

create index price_list_key_idx on product_catalog.price (list_key, id);
create index price_offering_code_idx on product_catalog.price (offering_code);

grant select, insert, update on product_catalog.price to product_catalog_service;
