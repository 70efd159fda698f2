using Microsoft.AspNetCore.Http;
using OpenRouterGateway.Transforms.ProviderMapping.Explaining;
using OpenRouterGateway.Transforms.ProviderMapping.Hosting;
using OpenRouterGateway.Transforms.ProviderMapping.Settings;
using OpenRouterGateway.Transforms.RequestBody;

namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>
/// The rules and limits of the provider mapping. Each delegate is called for every request, so its result may change at any time.
/// </summary>
public sealed class ProviderMappingOptions
{
    /// <summary>
    /// The rules and aliases of the rule set <c>Default</c>, for a request. Default: those of the configuration section, or else
    /// <see cref="ProviderMappingRules.Empty"/>, which checks bodies and changes none.
    /// </summary>
    public Func<HttpContext, ProviderMappingRules> Rules { get; set; } = static _ => ProviderMappingRules.Empty;

    /// <summary>
    /// Further rule sets by the name that a route's transform selects, ignoring case. Default: none. An entry wins over a set of the same
    /// name in the configuration section. Filled before the host starts; read-only afterwards.
    /// </summary>
    public IDictionary<string, Func<HttpContext, ProviderMappingRules>> RuleSets { get; } =
        new Dictionary<string, Func<HttpContext, ProviderMappingRules>>(StringComparer.OrdinalIgnoreCase);

    /// <summary>
    /// The maximum size of a body in bytes, counted after its <c>Content-Encoding</c> is decoded; a larger one is rejected with 413.
    /// Default: 104,857,600. A route's own <c>MaxRequestBodySize</c> wins.
    /// </summary>
    public Func<HttpContext, long> MaxRequestBodySize { get; set; } = static _ => 100 * 1024 * 1024;

    /// <summary>
    /// The number of bytes that all request bodies together may hold in memory. Default: 268,435,456.
    /// </summary>
    /// <remarks>
    /// A body of more than 64 KB reserves its Content-Length before it is read and waits until it is its owner's turn and the reservation
    /// fits; see <see cref="RequestBodyOwner"/>. A body of unknown length (chunked or encoded) reserves the size limit once it exceeds 64 KB
    /// and releases the surplus at its end. A body larger than the whole budget is admitted alone. A reservation ends when the body has been
    /// sent or the request ends. The connections of waiting bodies count 256 KB each, up to a quarter of the budget. Bodies of up to 64 KB are
    /// counted, but need a reservation only if all of them together hold a quarter of the budget. The delegate is called for every body, and
    /// under a lock for reservations, so it must be fast and thread-safe.
    /// </remarks>
    public Func<long> RequestBodyMemory { get; set; } = static () => 256 * 1024 * 1024;

    /// <summary>
    /// The maximum number of bodies that wait for memory. Default: 256. A further body is rejected with 503 <c>server_busy</c>, and a body
    /// of an owner that has a quarter of them while bodies of other owners wait. If all places are taken, a body of an owner with fewer
    /// waiting bodies replaces the last one of the owner with the most. The delegate is called under
    /// a lock, so it must be fast and thread-safe.
    /// </summary>
    public Func<int> MaxWaitingBodies { get; set; } = static () => 256;

    /// <summary>
    /// The owner of a request's body, such as the id of a tenant; compared by <see cref="object.Equals(object)"/>. Default: the peer's IPv4
    /// address, or the /64 prefix of its IPv6 address. Called for bodies
    /// that need a reservation.
    /// </summary>
    /// <remarks>
    /// Owners take turns, one body a turn. While bodies of others wait, an owner gets no more than half of the memory, or one body of any
    /// size. An owner that holds more than an eighth leaves an eighth free for the others.
    /// </remarks>
    public Func<HttpContext, object> RequestBodyOwner { get; set; } = PeerAddress.Of;

    /// <summary>
    /// The path whose end tells the kind of the endpoint: <c>/images</c> and <c>/images/generations</c> take fewer members of
    /// <c>provider</c>, <c>/embeddings</c> and <c>/rerank</c> execute no server tools. Default: the request's path. A host whose routes
    /// change the path, by <c>PathSet</c> for example, returns the path at upstream.
    /// </summary>
    public Func<HttpContext, PathString> EndpointPath { get; set; } = static context => context.Request.Path;

    /// <summary>
    /// Writes the response to a request that is not forwarded. Default: the rejection as JSON in the shape of OpenAI's errors,
    /// <c>{"error":{"message","type","code","param"}}</c>.
    /// </summary>
    public Func<HttpContext, RequestRejection, Task> OnRejected { get; set; } = RejectionWriter.WriteAsync;

    /// <summary>
    /// Reviews a request with a valid body before the rules are applied: it may refuse the request, add a rule or add an edit. Default:
    /// no objection.
    /// </summary>
    internal Func<HttpContext, RequestReviewContext, RequestReview> Review { get; set; } = static (_, _) => default;

    /// <summary>Observes the decisions. Default: none.</summary>
    internal IDecisionObserver? Observer { get; set; }

    /// <summary>The rule sets of the configuration section; <see langword="null"/> without one.</summary>
    internal ConfiguredRuleSets? Configured { get; set; }
}
