using System.Buffers;
using System.Diagnostics.CodeAnalysis;

namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>The checks of a body before the rules: its size, then its syntax.</summary>
internal static class RequestBodyCheck
{
    // The length of a buffered body is an int. A limit of 2 GB leaves room for the last block.
    private const long MaxHeldSize = 2_000_000_000;

    /// <summary>Checks a body in memory. The result is the same as for a request with this body and its Content-Length.</summary>
    /// <param name="body">The decoded body.</param>
    /// <param name="routeLimit">The route's own <c>MaxRequestBodySize</c>; it takes precedence over <paramref name="limit"/>.</param>
    /// <param name="limit">The host's limit, see <see cref="ProviderMapping.ProviderMappingOptions.MaxRequestBodySize"/>.</param>
    /// <param name="wouldReject">Whether too many bodies wait for memory, by the length of this one.</param>
    /// <param name="facts">The facts about a valid body.</param>
    /// <param name="rejection">The rejection of an invalid body.</param>
    /// <returns>Whether the body is valid.</returns>
    public static bool TryCheck(
        ReadOnlyMemory<byte> body,
        long? routeLimit,
        long limit,
        Func<int, bool> wouldReject,
        [NotNullWhen(true)] out BodyFacts? facts,
        [NotNullWhen(false)] out RequestRejection? rejection)
    {
        var maxSize = MaxSize(routeLimit, limit);
        if (body.Length > maxSize)
        {
            (facts, rejection) = (null, TooLarge(maxSize));
            return false;
        }

        // A body is read after its memory is reserved.
        if (wouldReject(body.Length))
        {
            (facts, rejection) = (null, RequestBodyReader.Busy);
            return false;
        }

        using var scanner = new BodyScanner();
        scanner.Scan(body.Span);
        return TryComplete(scanner, new ReadOnlySequence<byte>(body), out facts, out rejection);
    }

    /// <summary>The size limit of a request. A negative limit means none, but a buffered body always has a limit.</summary>
    internal static long MaxSize(long? routeLimit, long limit)
    {
        var maxSize = routeLimit ?? limit;
        return maxSize < 0 ? MaxHeldSize : Math.Min(maxSize, MaxHeldSize);
    }

    internal static RequestRejection TooLarge(long maxSize) =>
        new(413, "request_too_large", $"The request body is larger than {maxSize} bytes.");

    internal static bool TryComplete(
        BodyScanner scanner,
        in ReadOnlySequence<byte> body,
        [NotNullWhen(true)] out BodyFacts? facts,
        [NotNullWhen(false)] out RequestRejection? rejection)
    {
        var isSound = scanner.TryComplete(body, out facts);
        rejection = isSound ? null : scanner.Fault!.Value.ToRejection();
        return isSound;
    }
}
