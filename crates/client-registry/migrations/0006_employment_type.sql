-- How a manager is employed; whoever was registered before is regular.
alter table client_registry.account_manager add column employment_type text not null default 'REGULAR';
