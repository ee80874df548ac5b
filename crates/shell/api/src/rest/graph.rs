//! What surrounds an object.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::State;
use model::StixId;
use ports::GraphEdge;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::wire::stix_id;
use crate::app::Shared;
use crate::extract::Query;
use crate::problem::Problem;

/// Objects in a neighbourhood at most.
const MAX_NODES: usize = 1000;
/// Edges looked at for one object at most: a popular identity is referred to by everything.
const EDGES_EACH: usize = 500;
/// Edges in an answer at most.
const MAX_EDGES: usize = 5000;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct GraphQuery {
    /// Where to start: a STIX id.
    id: String,
    /// Steps away at most: 1 to 3.
    #[param(minimum = 1, maximum = 3)]
    depth: Option<u8>,
    /// Objects at most.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// A neighbourhood.
#[derive(Serialize, ToSchema)]
pub(crate) struct Graph {
    /// Nearest first.
    nodes: Vec<GraphNode>,
    edges: Vec<GraphEdgeBody>,
    /// Whether a bound cut something off.
    truncated: bool,
}

/// An object in a neighbourhood.
#[derive(Serialize, ToSchema)]
struct GraphNode {
    id: String,
    #[serde(rename = "type")]
    type_name: String,
    /// Steps from the start.
    depth: u8,
    /// Whether the node holds it; otherwise it is only referred to.
    held: bool,
}

/// A reference, or a relationship from its source to its target.
#[derive(Serialize, ToSchema)]
#[schema(as = GraphEdge)]
struct GraphEdgeBody {
    source: String,
    /// The property's name, or `relationship:` and its type.
    name: String,
    target: String,
}

/// The neighbourhood of an object
///
/// Breadth first along references and relationships, either way.
#[utoipa::path(
    get, path = "/graph", tag = "objects", params(GraphQuery),
    responses((status = 200, body = Graph), (status = 400, response = super::ProblemBody), (status = 404, response = super::ProblemBody))
)]
pub(crate) async fn graph(
    State(app): State<Shared>,
    Query(query): Query<GraphQuery>,
) -> Result<Json<Graph>, Problem> {
    let start = stix_id(&query.id)?;
    let depth = query.depth.unwrap_or(1);
    if !(1..=3).contains(&depth) {
        return Err(Problem::bad("`depth` must be 1, 2 or 3"));
    }
    let limit = query.limit.unwrap_or(200).clamp(1, MAX_NODES);
    app.read(move |app, read| {
        let scope = app.core().scope;
        if read.object(scope, &start, None)?.is_none() {
            return Err(Problem::missing(format!("`{start}`")));
        }
        let mut walk = Walk { limit, ..Walk::default() };
        walk.depths.insert(start.clone(), 0);
        let mut frontier = vec![start];
        for step in 1..=depth {
            let mut next = Vec::new();
            for id in frontier {
                let edges = read.edges(scope, &id, EDGES_EACH)?;
                walk.truncated |= edges.len() >= EDGES_EACH;
                for edge in edges {
                    walk.take(edge, step, &mut next);
                }
            }
            frontier = next;
        }
        let mut nodes = Vec::with_capacity(walk.depths.len());
        for (id, depth) in walk.depths {
            let held = read.object(scope, &id, None)?.is_some();
            nodes.push(GraphNode { type_name: id.type_name().to_owned(), id: id.to_string(), depth, held });
        }
        nodes.sort_by_key(|node| node.depth);
        let edges = walk.edges.into_iter().map(|edge| GraphEdgeBody {
            source: edge.source.to_string(),
            name: edge.name,
            target: edge.target.to_string(),
        });
        Ok(Json(Graph { nodes, edges: edges.collect(), truncated: walk.truncated }))
    })
    .await
}

#[derive(Default)]
struct Walk {
    depths: BTreeMap<StixId, u8>,
    edges: BTreeSet<GraphEdge>,
    limit: usize,
    truncated: bool,
}

impl Walk {
    /// Takes an edge whose ends both fit; a new end is walked from in the next step.
    fn take(&mut self, edge: GraphEdge, step: u8, next: &mut Vec<StixId>) {
        for end in [&edge.source, &edge.target] {
            if self.depths.contains_key(end) {
                continue;
            }
            if self.depths.len() >= self.limit {
                self.truncated = true;
                return;
            }
            self.depths.insert(end.clone(), step);
            next.push(end.clone());
        }
        if self.edges.len() >= MAX_EDGES {
            self.truncated = true;
        } else {
            self.edges.insert(edge);
        }
    }
}
