//! The standard methods of a noun: what is the same in each of them, so that a noun is its rules, its SQL and its messages.

use guanxi_db::{PgConnection, RequestKey, Transaction};
use guanxi_events::NewEvent;
use guanxi_filter::{Page, PageQuery};
use guanxi_grpc::{Call, parse_id};
use guanxi_proto::Verb;
use sqlx::FromRow;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::{Change, Error, Resource, Resources, Sight};

/// A noun as its standard methods need it: how its rows are found, locked and saved, and what is told of them.
pub trait Noun: Resource + Send + Sync {
    /// For example `account_manager`.
    const NAME: &'static str;
    /// What readers get.
    type Message;

    /// Column of a `text[]` with the employee numbers of those who work on it, where not everybody sees all of a territory.
    const SEEN_BY: Option<&'static str> = None;

    /// Where it lies; `None` for what lies nowhere and is seen by everybody who may call the method.
    fn territory_path(&self) -> Option<&str>;
    /// The resource as a reader may see it.
    fn message(&self, sight: &Sight) -> Self::Message;
    /// The event of a change of it, for example `account_manager.updated`.
    fn event(kind: &'static str, before: Option<&Self>, after: &Self) -> NewEvent;
    /// The resource of an id.
    fn find(connection: &mut PgConnection, id: Uuid) -> impl Future<Output = Result<Option<Self>, Error>> + Send;
    /// Locks the row of an id, if there is one, for a change of it.
    fn lock(connection: &mut PgConnection, id: Uuid) -> impl Future<Output = Result<(), Error>> + Send;
    /// Saves a new resource, or everything that can change of one that is locked.
    fn save(connection: &mut PgConnection, resource: &Self) -> impl Future<Output = Result<(), Error>> + Send;

    /// What the column of `SEEN_BY` has.
    fn seen_by(&self) -> Option<&[String]> {
        None
    }

    /// True if it exists for a caller.
    fn exists_for(&self, sight: &Sight) -> bool {
        self.territory_path().is_none_or(|path| sight.shows(path, self.seen_by()))
    }
}

/// A checked update: which resource, which version of it the caller read, and what becomes of it.
pub struct Update<P> {
    /// The resource.
    pub id: Uuid,
    /// The version that the caller read; empty for any.
    pub etag: String,
    /// What becomes of the resource.
    pub patch: P,
}

impl Resources {
    /// The resource of an id, or the refusal that it does not exist for this caller.
    pub async fn get<N: Noun>(&self, connection: &mut PgConnection, sight: &Sight, id: Uuid) -> Result<N, Error> {
        let found = N::find(connection, id).await?.filter(|resource| resource.exists_for(sight));
        found.ok_or_else(|| Error::not_found(N::NAME, id))
    }

    /// Create: what `make` makes is saved with its event, unless the request is a repeat. Returns the message and the position of the
    /// event, 0 for a repeat.
    pub async fn create<N: Noun>(
        &self,
        call: &Call,
        key: Option<RequestKey>,
        sight: &Sight,
        kind: &'static str,
        make: impl AsyncFnOnce(&mut Transaction, Uuid) -> Result<N, Error>,
    ) -> Result<(N::Message, i64), Error> {
        let id = guanxi_db::new_id(call.now);
        let mut transaction = self.begin().await?;
        if let Some(first) = self.claim(&mut transaction, key.as_ref(), id, call.now).await? {
            let first: N = self.get(&mut transaction, sight, first).await?;
            return Ok((first.message(sight), 0));
        }
        let resource = make(&mut transaction, id).await?;
        N::save(&mut transaction, &resource).await?;
        let position = self.commit(transaction, call, vec![N::event(kind, None, &resource)]).await?;
        Ok((resource.message(sight), position))
    }

    /// Get by id.
    pub async fn show<N: Noun>(&self, sight: &Sight, id: Uuid) -> Result<N::Message, Error> {
        let mut connection = self.connection().await?;
        let resource: N = self.get(&mut connection, sight, id).await?;
        connection.release();
        Ok(resource.message(sight))
    }

    /// List: a page of what lies in the scope, or of the part of it below a territory.
    pub async fn list<N>(
        &self,
        sight: &Sight,
        territory_code: &str,
        query: PageQuery,
    ) -> Result<Page<N::Message>, Error>
    where
        N: Noun + for<'r> FromRow<'r, PgRow>,
    {
        let query = sight.narrow(query, N::SEEN_BY);
        let page = self.page::<N>(&sight.scope, territory_code, query).await?;
        let rows = page.rows.iter().map(|resource| resource.message(sight)).collect();
        Ok(Page { rows, next_page_token: page.next_page_token, total: page.total })
    }

    /// Begins a change of one resource in a transaction: locks it, claims the request id, checks the etag.
    pub async fn begin_change<'a, N: Noun>(
        &'a self,
        call: &'a Call,
        key: Option<RequestKey>,
        mut transaction: Transaction,
        (id, etag): (Uuid, &str),
        sight: &Sight,
    ) -> Result<Change<'a, N>, Error> {
        N::lock(&mut transaction, id).await?;
        let before = self.get(&mut transaction, sight, id).await?;
        self.change(call, key, etag, transaction, before).await
    }

    /// Update: what the patch makes of the resource is saved with its event.
    pub async fn update<N: Noun>(
        &self,
        call: &Call,
        key: Option<RequestKey>,
        sight: &Sight,
        kind: &'static str,
        update: Update<impl FnOnce(&N) -> Result<N, Error>>,
    ) -> Result<(N::Message, i64), Error> {
        let transaction = self.begin().await?;
        let mut change = self.begin_change(call, key, transaction, (update.id, &update.etag), sight).await?;
        change.decide(update.patch)?;
        change.commit(kind, sight).await
    }

    /// A verb: what `rule` makes of the resource is saved with its event. A repeat of the request asks no rule.
    pub async fn alter<N: Noun>(
        &self,
        call: &Call,
        request: &impl Verb,
        sight: &Sight,
        kind: &'static str,
        rule: impl AsyncFnOnce(&mut Transaction, &N) -> Result<N, Error>,
    ) -> Result<(N::Message, i64), Error> {
        let key = call.request_key(request.request_id(), request)?;
        let id = parse_id("id", request.id())?;
        let mut change = self.begin_change(call, key, self.begin().await?, (id, request.etag()), sight).await?;
        if !change.repeats {
            change.after = rule(&mut change.transaction, &change.before).await?;
        }
        change.commit(kind, sight).await
    }
}

impl<N: Noun> Change<'_, N> {
    /// Saves the next version with its event and commits, where something changed. Returns the message and the position of the event, 0
    /// without one.
    pub async fn commit(self, kind: &'static str, sight: &Sight) -> Result<(N::Message, i64), Error> {
        let (resource, position) = self.finish(kind, N::save, N::event).await?;
        Ok((resource.message(sight), position))
    }
}
