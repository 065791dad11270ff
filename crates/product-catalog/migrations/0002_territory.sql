-- Copy of where every territory lies, kept by following client-registry.
create table product_catalog.territory (
    code text collate "C" not null,
    path text collate "C" not null,
    constraint territory_pkey primary key (code)
);

-- How far each followed feed has been taken in, in the transaction of what it brought.
create table product_catalog.followed (
    source text not null,
    position bigint not null,
    constraint followed_pkey primary key (source)
);

grant select, insert, update, delete on product_catalog.territory to product_catalog_service;
grant select, insert, update on product_catalog.followed to product_catalog_service;
