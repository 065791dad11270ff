create table opportunity_pipeline.lead (
    id uuid not null,
    title text not null,
    -- The title as duplicates are told by: lower case, half-width, without blanks.
    title_key text collate "C" not null,
    source text not null,
    source_reference text not null,
    account_id uuid,
    company_name text not null,
    -- The company's name as duplicates are told by; null where the account is known.
    company_key text collate "C",
    contact_name text not null,
    contact_phone text collate "C",
    description text not null,
    score integer,
    owner_id uuid not null,
    owner_employee_number text collate "C" not null,
    territory_code text collate "C" not null,
    -- Copy of the territory's path, kept by the follower of the tree.
    territory_path text collate "C" not null,
    -- Employee number of the owner.
    seen_by text[] not null,
    state text not null,
    disqualify_reason text,
    reason text not null,
    duplicate_of_lead_id uuid,
    opportunity_id uuid,
    tags text[] not null,
    version bigint not null,
    create_time timestamptz not null,
    update_time timestamptz not null,
    delete_time timestamptz,
    constraint lead_pkey primary key (id),
    constraint lead_duplicate_of_fkey foreign key (duplicate_of_lead_id) references opportunity_pipeline.lead (id),
    constraint lead_opportunity_fkey foreign key (opportunity_id) references opportunity_pipeline.opportunity (id)
);

create index lead_territory_idx on opportunity_pipeline.lead (territory_path, id);
create index lead_account_idx on opportunity_pipeline.lead (account_id, title_key);
create index lead_company_idx on opportunity_pipeline.lead (company_key) where company_key is not null;
create index lead_contact_phone_idx on opportunity_pipeline.lead (contact_phone) where contact_phone is not null;

grant select, insert, update on opportunity_pipeline.lead to opportunity_pipeline_service;
