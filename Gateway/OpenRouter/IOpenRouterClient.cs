using Gateway.Secrets;

namespace Gateway.OpenRouter;

/// <summary>
/// Sends the gateway's own requests, for price lists and for the bills of generations. A failed request returns <see langword="null"/> and
/// throws no exception.
/// </summary>
internal interface IOpenRouterClient
{
    /// <summary>Sends a request to any available destination.</summary>
    /// <param name="path">Path and query below the base address, without a leading slash.</param>
    /// <param name="key">The OpenRouter key, if any.</param>
    /// <param name="cancellationToken">Cancels the request.</param>
    /// <returns>The response; <see langword="null"/> if no destination responded.</returns>
    Task<OpenRouterAnswer?> GetAsync(string path, UpstreamKey? key, CancellationToken cancellationToken);

    /// <summary>Sends a request to the destination that served a call, and if it fails, to any available destination.</summary>
    /// <param name="path">Path and query below the base address, without a leading slash.</param>
    /// <param name="key">The OpenRouter key, if any.</param>
    /// <param name="servedBy">The <see cref="DestinationName"/> of the destination that served the call, if known.</param>
    /// <param name="cancellationToken">Cancels the request.</param>
    /// <returns>The response; <see langword="null"/> if no destination responded.</returns>
    Task<OpenRouterAnswer?> GetAsync(string path, UpstreamKey? key, string? servedBy, CancellationToken cancellationToken);
}
