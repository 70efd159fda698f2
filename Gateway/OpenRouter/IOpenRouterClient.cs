using Gateway.Configuration;
using Gateway.Secrets;

namespace Gateway.OpenRouter;

/// <summary>
/// Sends the gateway's own requests, for price lists and for the bills of calls. A failed request has no result and throws no exception.
/// </summary>
internal interface IOpenRouterClient
{
    /// <summary>
    /// Requests a list from the available destinations of the default cluster, one after another, until one returns a readable list. Those that
    /// have a key of their own are asked last, and with that key.
    /// </summary>
    /// <typeparam name="T">The type of the list.</typeparam>
    /// <param name="path">Path and query below the base address, without a leading slash.</param>
    /// <param name="snapshot">The settings that the key is from. Only destinations of these settings are asked.</param>
    /// <param name="key">The OpenRouter key.</param>
    /// <param name="read">Reads the body of a response with status 200; <see langword="null"/> if it is not readable.</param>
    /// <param name="cancellationToken">Cancels the request.</param>
    /// <returns>The list; <see langword="null"/> if no destination returned one.</returns>
    Task<T?> GetListAsync<T>(
        string path, SettingsSnapshot snapshot, UpstreamKey key, Func<byte[], T?> read, CancellationToken cancellationToken)
        where T : class;

    /// <summary>
    /// Requests the bill of a call from the destination that served it, then from the available destinations of the same cluster and account,
    /// until one returns a readable bill. Another cluster is never asked, since it may belong to another host or account. A destination with a
    /// key of its own is another account: it is asked, with this key, only if it served the call. If no configured destination may be asked,
    /// the result is that of an answer without a bill, so that the wait ends.
    /// </summary>
    /// <typeparam name="T">The type of the bill.</typeparam>
    /// <param name="path">Path and query below the base address, without a leading slash.</param>
    /// <param name="snapshot">The settings that the key is from. Only destinations of these settings are asked.</param>
    /// <param name="key">The OpenRouter key.</param>
    /// <param name="servedBy">
    /// The <see cref="DestinationName"/> of the destination that served the call; <see langword="null"/> if unknown, which stands for the
    /// default cluster.
    /// </param>
    /// <param name="sentWith">
    /// The <see cref="UpstreamKey.Name"/> of the key that the call carried; <see langword="null"/> if unknown. A key of another name may belong
    /// to another account, whose answer that it has no bill proves nothing.
    /// </param>
    /// <param name="read">Reads the body of a response with status 200; <see langword="null"/> if it is not readable.</param>
    /// <param name="cancellationToken">Cancels the request.</param>
    Task<OpenRouterBill<T>> GetBillAsync<T>(
        string path,
        SettingsSnapshot snapshot,
        UpstreamKey key,
        string? servedBy,
        string? sentWith,
        Func<byte[], T?> read,
        CancellationToken cancellationToken)
        where T : class;
}
