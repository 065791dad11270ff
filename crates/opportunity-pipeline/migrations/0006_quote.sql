create table opportunity_pipeline.quote (
    id uuid not null,
    opportunity_id uuid not null,
    state text not null,
    constraint quote_pkey primary key (id)
);

create index quote_opportunity_idx on opportunity_pipeline.quote (opportunity_id, id);

grant select, insert, update on opportunity_pipeline.quote to opportunity_pipeline_service;
