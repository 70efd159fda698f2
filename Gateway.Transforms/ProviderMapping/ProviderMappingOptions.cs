using Microsoft.AspNetCore.Http;
using OpenRouterGateway.Transforms.RequestBody;

namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>
/// What a host tells the provider mapping about its requests. Read for every request, so a host may change its mind at any time.
/// </summary>
public sealed class ProviderMappingOptions
{
    /// <summary>
    /// The rules and aliases for a request. Default: <see cref="ProviderMappingRules.Empty"/>, which checks bodies and changes none.
    /// </summary>
    public Func<HttpContext, ProviderMappingRules> Rules { get; set; } = static _ => ProviderMappingRules.Empty;

    /// <summary>
    /// How many bytes a body may have, counted after decoding its <c>Content-Encoding</c>; larger ones are rejected with 413.
    /// Default: 104,857,600. A route's own <c>MaxRequestBodySize</c> wins over it.
    /// </summary>
    public Func<HttpContext, long> MaxRequestBodySize { get; set; } = static _ => 100 * 1024 * 1024;

    /// <summary>
    /// How many bytes request bodies may hold in memory at a time, all together. A body takes its place whole, by its Content-Length,
    /// before it is read, and waits for it, first come first served; bodies up to 64 KB neither take a place nor wait. A body whose length is not
    /// known, chunked or encoded, takes the size limit once it is larger than that, and gives back the rest at its end. A body larger than
    /// the whole is served alone. A place is free again when the body was sent, or the request ends. Default: 268,435,456.
    /// <para>
    /// One number for all requests, asked whenever a body comes or goes, by several threads at a time and under a lock: to be quick.
    /// </para>
    /// </summary>
    public Func<long> RequestBodyMemory { get; set; } = static () => 256 * 1024 * 1024;

    /// <summary>
    /// The host's say about a request whose body is sound, before the rules decide: whether the caller may use its models, and what else
    /// is to be changed. Default: nothing to say.
    /// </summary>
    public Func<HttpContext, ReviewedRequest, RequestReview> Review { get; set; } = static (_, _) => default;

    /// <summary>
    /// Answers a request that is not forwarded. Default: the rejection as JSON in the shape of OpenAI's errors,
    /// <c>{"error":{"message","type","code","param"}}</c>.
    /// </summary>
    public Func<HttpContext, RequestRejection, Task> OnRejected { get; set; } = DefaultRejection.WriteAsync;
}
