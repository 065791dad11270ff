create table opportunity_pipeline.pipeline (
    id uuid not null,
    code text collate "C" not null,
    name_zh text not null,
    name_en text,
    -- In their order.
    stages jsonb not null,
    version bigint not null,
    create_time timestamptz not null,
    update_time timestamptz not null,
    delete_time timestamptz,
    constraint pipeline_pkey primary key (id),
    constraint pipeline_code_key unique (code)
);

grant select, insert, update on opportunity_pipeline.pipeline to opportunity_pipeline_service;
