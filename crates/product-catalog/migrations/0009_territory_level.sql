-- The level of each territory in the copy. The feed is taken in again from its beginning and fills it: that changes nothing else, as
-- each territory goes once more the way that it went and ends where it is.
alter table product_catalog.territory add column level text not null default '';

update product_catalog.followed set position = 0 where source = 'client-registry';
