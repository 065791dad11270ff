-- Where a need lies and who sees it is read from its opportunity.
create table opportunity_pipeline.need (
    id uuid not null,
    opportunity_id uuid not null,
    text text not null,
    value_chain_link text,
    evidence text not null,
    value numeric(19, 4),
    currency_code text,
    offering_codes text[] not null,
    state text not null,
    -- Subjects of tokens.
    verified_by text,
    verify_time timestamptz,
    verification text not null,
    evaluated_by text,
    evaluate_time timestamptz,
    evaluation text not null,
    fit integer,
    refute_reason text not null,
    version bigint not null,
    create_time timestamptz not null,
    update_time timestamptz not null,
    delete_time timestamptz,
    constraint need_pkey primary key (id),
    constraint need_opportunity_fkey foreign key (opportunity_id) references opportunity_pipeline.opportunity (id)
);

create index need_opportunity_idx on opportunity_pipeline.need (opportunity_id, id);

grant select, insert, update on opportunity_pipeline.need to opportunity_pipeline_service;
