-- A row per tree whose shape is locked as a whole: shared by whoever hangs something into it, exclusively by whoever moves a part.
create table client_registry.tree (
    noun text not null,
    constraint tree_pkey primary key (noun)
);

insert into client_registry.tree (noun) values ('territory'), ('account');

create table client_registry.territory_level (
    code text collate "C" not null,
    rank integer not null,
    name_zh text not null,
    name_en text not null,
    constraint territory_level_pkey primary key (code),
    constraint territory_level_rank_key unique (rank)
);

insert into client_registry.territory_level (code, rank, name_zh, name_en)
values
    ('HEADQUARTERS', 10, '总部', 'Headquarters'),
    ('PROVINCE', 20, '省', 'Province'),
    ('CITY', 30, '市', 'City'),
    ('COUNTY', 40, '县', 'County'),
    ('GRID', 50, '网格', 'Grid');

create table client_registry.territory (
    id uuid not null,
    code text collate "C" not null,
    name_zh text not null,
    name_en text,
    level text collate "C" not null,
    parent_code text collate "C",
    -- Codes from the root, each followed by '/': a subtree is a range.
    path text collate "C" not null,
    version bigint not null,
    create_time timestamptz not null,
    update_time timestamptz not null,
    constraint territory_pkey primary key (id),
    constraint territory_code_key unique (code),
    constraint territory_level_fkey foreign key (level) references client_registry.territory_level (code),
    constraint territory_parent_fkey foreign key (parent_code) references client_registry.territory (code)
);

-- Codes of deleted territories: grants, events and other systems may still mean that one by them, so no other gets its code.
create table client_registry.territory_retired (
    code text collate "C" not null,
    territory_id uuid not null,
    delete_time timestamptz not null,
    constraint territory_retired_pkey primary key (code)
);

create index territory_path_idx on client_registry.territory (path, id);
create index territory_parent_idx on client_registry.territory (parent_code);

-- `update` is what the row lock of a shared tree lock asks for as well.
grant select, update on client_registry.tree to client_registry_service;
grant select on client_registry.territory_level to client_registry_service;
grant select, insert, update, delete on client_registry.territory to client_registry_service;
grant select, insert on client_registry.territory_retired to client_registry_service;
