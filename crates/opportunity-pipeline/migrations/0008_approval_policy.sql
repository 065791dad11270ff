-- One row, made at the first start with its event.
create table opportunity_pipeline.approval_policy (
    id uuid not null,
    -- By currency and level.
    thresholds jsonb not null,
    flagship_level text not null,
    loss_level text not null,
    version bigint not null,
    create_time timestamptz not null,
    update_time timestamptz not null,
    constraint approval_policy_pkey primary key (id),
    constraint approval_policy_id_check check (id = '01990000-0000-7000-8000-000000000001')
);

grant select, insert, update on opportunity_pipeline.approval_policy to opportunity_pipeline_service;
