create table opportunity_pipeline.need (
    id uuid not null,
    opportunity_id uuid not null,
    state text not null,
    delete_time timestamptz,
    constraint need_pkey primary key (id)
);

create index need_opportunity_idx on opportunity_pipeline.need (opportunity_id, id);

grant select, insert, update on opportunity_pipeline.need to opportunity_pipeline_service;
