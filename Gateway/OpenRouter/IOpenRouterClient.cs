using Gateway.Secrets;

namespace Gateway.OpenRouter;

/// <summary>The gateway's own questions to upstream: prices, and the bills of generations.</summary>
internal interface IOpenRouterClient
{
    /// <summary>Asks once. An answer that does not come or cannot be decoded is <see langword="null"/>, not an exception.</summary>
    /// <param name="path">Path and query below the base address, without a leading slash.</param>
    /// <param name="key">The OpenRouter key to ask with.</param>
    /// <param name="cancellationToken">Ends the question.</param>
    /// <returns>The status and the decoded bytes of the answer.</returns>
    Task<(int Status, byte[] Body)?> GetAsync(string path, UpstreamKey? key, CancellationToken cancellationToken);
}
