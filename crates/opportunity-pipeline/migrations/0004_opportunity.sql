create table opportunity_pipeline.opportunity (
    id uuid not null,
    title text not null,
    account_id uuid,
    kind text not null,
    pipeline_code text collate "C" not null,
    stage_code text collate "C" not null,
    stage_enter_date date,
    state text not null,
    owner_id uuid not null,
    owner_employee_number text collate "C" not null,
    territory_code text collate "C" not null,
    -- Copy of the territory's path, kept by the follower of the tree.
    territory_path text collate "C" not null,
    -- Employee numbers of the owner and the team.
    seen_by text[] not null,
    amount numeric(19, 4),
    -- Sum of the lines' list amounts.
    list_amount numeric(19, 4),
    -- Of both amounts and of every line.
    currency_code text,
    probability_percent integer,
    forecast_category text,
    expected_close_date date,
    open_date date,
    close_date date,
    intent text,
    lines jsonb not null,
    -- Those of the lines, for filters.
    offering_codes text[] not null,
    competitors jsonb not null,
    team jsonb not null,
    key_success_factors jsonb not null,
    flagship boolean not null,
    description text not null,
    tags text[] not null,
    close_reason text,
    reason text not null,
    suspend_until_date date,
    lead_id uuid,
    -- System and id in it, of an imported one.
    imported_from text collate "C",
    version bigint not null,
    create_time timestamptz not null,
    update_time timestamptz not null,
    delete_time timestamptz,
    constraint opportunity_pkey primary key (id),
    constraint opportunity_imported_from_key unique (imported_from)
);

create index opportunity_territory_idx on opportunity_pipeline.opportunity (territory_path, id);
create index opportunity_account_idx on opportunity_pipeline.opportunity (account_id);
-- For whether a pipeline or one of its stages is in use.
create index opportunity_stage_idx on opportunity_pipeline.opportunity (pipeline_code, stage_code);

-- Where an opportunity was, from when to when.
create table opportunity_pipeline.stage_period (
    opportunity_id uuid not null,
    number integer not null,
    stage_code text collate "C" not null,
    -- Business days; null where an import did not know them.
    enter_date date,
    leave_date date,
    -- When it was recorded.
    enter_time timestamptz not null,
    leave_time timestamptz,
    reason text not null,
    actor text not null,
    imported boolean not null,
    constraint stage_period_pkey primary key (opportunity_id, number)
);

grant select, insert, update on opportunity_pipeline.opportunity to opportunity_pipeline_service;
grant select, insert, update on opportunity_pipeline.stage_period to opportunity_pipeline_service;
