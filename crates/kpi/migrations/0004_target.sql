create table kpi.target (
    id uuid not null,
    indicator_code text collate "C" not null,
    territory_code text collate "C" not null,
    territory_path text collate "C" not null,
    -- `2026`, `2026-Q1`, `2026-03`.
    period text collate "C" not null,
    -- Empty where the indicator is not of money.
    currency_code text collate "C" not null,
    value numeric not null,
    note text not null,
    -- The target that it was decomposed from.
    parent_target_id uuid,
    locked boolean not null,
    -- When its parts were last set.
    decompose_time timestamptz,
    version_number integer not null,
    version bigint not null,
    create_time timestamptz not null,
    update_time timestamptz not null,
    delete_time timestamptz,
    constraint target_pkey primary key (id),
    constraint target_parent_target_id_fkey foreign key (parent_target_id) references kpi.target (id)
);

create unique index target_place_key on kpi.target (indicator_code, period, territory_code, currency_code) where delete_time is null;
create index target_parent_target_id_idx on kpi.target (parent_target_id) where parent_target_id is not null;
create index target_territory_path_idx on kpi.target (territory_path, id);

-- Targets add up over the tree, so they change one transaction at a time.
insert into kpi.turn (noun) values ('target');

grant select, insert, update on kpi.target to kpi_service;
