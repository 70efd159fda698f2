using System.Globalization;
using Microsoft.AspNetCore.Http.Extensions;

namespace Gateway.Catalogue;

/// <summary>
/// The part of a list that a client requests with <c>offset</c> and <c>limit</c>. Upstream's part would be cut before entries are removed,
/// so upstream is asked for the whole list.
/// </summary>
/// <param name="Offset">The number of entries before the part.</param>
/// <param name="Limit">The largest number of entries; <see langword="null"/> for no limit.</param>
internal readonly record struct CataloguePage(int Offset, int? Limit)
{
    public const string OffsetName = "offset";
    public const string LimitName = "limit";

    /// <summary>Reads the part from a query.</summary>
    /// <returns>The part; <see langword="null"/> if a value is not one that upstream accepts, so that upstream can refuse it.</returns>
    public static CataloguePage? Read(IQueryCollection query)
    {
        return Number(OffsetName, 0) is { } offset && Number(LimitName, 1) is { } limit
            ? new CataloguePage(offset < 0 ? 0 : offset, limit < 0 ? null : limit)
            : null;

        int? Number(string name, int least) =>
            !query.TryGetValue(name, out var values) ? -1
            : values is [{ } text] && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least ? number
            : null;
    }

    /// <summary>The target of the next part.</summary>
    /// <param name="request">The request for this part.</param>
    public string NextTarget(HttpRequest request)
    {
        var query = new QueryBuilder(request.Query
            .Where(static pair => !pair.Key.Equals(OffsetName, StringComparison.OrdinalIgnoreCase))
            .SelectMany(static pair => pair.Value, static (pair, value) => KeyValuePair.Create(pair.Key, value ?? "")))
        {
            { OffsetName, (Offset + (Limit ?? 0)).ToString(CultureInfo.InvariantCulture) },
        };
        return request.Path.ToUriComponent() + query.ToQueryString();
    }
}
