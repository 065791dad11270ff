create table opportunity_pipeline.quote (
    id uuid not null,
    -- Where it lies and who sees it stands in the opportunity.
    opportunity_id uuid not null,
    version_number integer not null,
    state text not null,
    currency_code text not null,
    -- What product-catalog was asked and what it answered, as guanxi.product_catalog.v1.PriceQuoteRequest and PriceQuoteResponse.
    asked bytea not null,
    priced bytea not null,
    -- Over the terms of the lines, in the quote's currency.
    contract_list_amount numeric(19, 4) not null,
    contract_net_amount numeric(19, 4) not null,
    contract_cost_amount numeric(19, 4),
    concessions jsonb not null,
    margin_percent numeric,
    required_level text not null,
    discount_reason text not null,
    catalog_version bigint not null,
    price_date date not null,
    -- The last valid day.
    valid_until_date date not null,
    solution text not null,
    terms text not null,
    author text collate "C" not null,
    submitter text collate "C",
    submit_time timestamptz,
    decider text collate "C",
    decide_time timestamptz,
    decision_level text,
    reason text not null,
    accept_date date,
    acceptance_reference text not null,
    version bigint not null,
    create_time timestamptz not null,
    update_time timestamptz not null,
    constraint quote_pkey primary key (id),
    constraint quote_opportunity_fkey foreign key (opportunity_id) references opportunity_pipeline.opportunity (id)
);

create unique index quote_version_number_key on opportunity_pipeline.quote (opportunity_id, version_number);
create unique index quote_accepted_key on opportunity_pipeline.quote (opportunity_id) where state = 'ACCEPTED';
create index quote_opportunity_idx on opportunity_pipeline.quote (opportunity_id, id);
-- For what waits for a decision, and for what expires.
create index quote_open_idx on opportunity_pipeline.quote (valid_until_date, id) where state in ('WAITING', 'APPROVED');

grant select, insert, update on opportunity_pipeline.quote to opportunity_pipeline_service;
