using Gateway.Secrets;

namespace Gateway.OpenRouter;

/// <summary>
/// Sends the gateway's own requests: price lists and the bills of generations. An answer that does not come or cannot be decoded is
/// <see langword="null"/>, not an exception.
/// </summary>
internal interface IOpenRouterClient
{
    /// <summary>Asks any available destination.</summary>
    /// <param name="path">Path and query below the base address, without a leading slash.</param>
    /// <param name="key">The OpenRouter key, if any.</param>
    /// <param name="cancellationToken">Cancels the request.</param>
    /// <returns>The answer; <see langword="null"/> if no destination answered.</returns>
    Task<OpenRouterAnswer?> GetAsync(string path, UpstreamKey? key, CancellationToken cancellationToken);

    /// <summary>Asks the destination that served a call. If it does not answer, asks any available destination.</summary>
    /// <param name="path">Path and query below the base address, without a leading slash.</param>
    /// <param name="key">The OpenRouter key, if any.</param>
    /// <param name="servedBy">The <see cref="DestinationName"/> of the destination that served the call, if known.</param>
    /// <param name="cancellationToken">Cancels the request.</param>
    /// <returns>The answer; <see langword="null"/> if no destination answered.</returns>
    Task<OpenRouterAnswer?> GetAsync(string path, UpstreamKey? key, string? servedBy, CancellationToken cancellationToken);
}
