using System.Text.Json;
using System.Text.Unicode;
using OpenRouterGateway.Transforms.Json;
using OpenRouterGateway.Transforms.RequestBody;

namespace Gateway.Catalogue;

/// <summary>An entry of a list of models.</summary>
/// <param name="Range">Its bytes.</param>
/// <param name="Name">The model that it is about; <see langword="null"/> if it does not name exactly one.</param>
/// <param name="NameValue">The bytes of the name, with its quotes.</param>
internal readonly record struct CatalogueEntry(ByteRange Range, string? Name, ByteRange NameValue);

/// <summary>
/// A list of models as upstream sends it: <c>{"data":[…],"total_count":…,"links":{"next":…}}</c>. Holds the byte ranges of its parts.
/// </summary>
internal sealed class CatalogueDocument
{
    private readonly List<CatalogueEntry> _entries = [];

    private CatalogueDocument()
    {
    }

    /// <summary>The elements of <c>data</c>.</summary>
    public IReadOnlyList<CatalogueEntry> Entries => _entries;

    /// <summary>The value of <c>total_count</c>; <see langword="null"/> without one.</summary>
    public ByteRange? TotalCount { get; private set; }

    /// <summary>The value of <c>next</c> in <c>links</c>; <see langword="null"/> without one.</summary>
    public ByteRange? Next { get; private set; }

    /// <summary>Reads a document.</summary>
    /// <param name="json">The document, without a byte order mark.</param>
    /// <param name="nameMember">The member of an entry that names its model.</param>
    /// <returns>
    /// The document; <see langword="null"/> if it is not exactly one JSON object with one array <c>data</c>. Of two arrays a client may read
    /// either.
    /// </returns>
    public static CatalogueDocument? Read(ReadOnlySpan<byte> json, string nameMember)
    {
        var document = new CatalogueDocument();
        try
        {
            var reader = new Utf8JsonReader(json);
            return reader.Read() && reader.TokenType == JsonTokenType.StartObject
                && document.TryReadRoot(ref reader, nameMember)
                && !reader.Read()
                ? document
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private bool TryReadRoot(ref Utf8JsonReader json, string nameMember)
    {
        var hasData = false;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var isData = JsonReaderText.Is(json, "data");
            var isCount = JsonReaderText.Is(json, "total_count");
            var isLinks = JsonReaderText.Is(json, "links");
            json.Read();
            if (isData)
            {
                if (hasData || json.TokenType != JsonTokenType.StartArray)
                {
                    return false;
                }

                hasData = true;
                ReadEntries(ref json, nameMember);
            }
            else if (isCount)
            {
                if (TotalCount is not null)
                {
                    return false;
                }

                TotalCount = RangeOf(ref json);
            }
            else if (isLinks && json.TokenType == JsonTokenType.StartObject)
            {
                ReadLinks(ref json);
            }
            else
            {
                json.Skip();
            }
        }

        return hasData;
    }

    private void ReadEntries(ref Utf8JsonReader json, string nameMember)
    {
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            var start = (int)json.TokenStartIndex;
            var names = 0;
            string? name = null;
            ByteRange value = default;
            if (json.TokenType != JsonTokenType.StartObject)
            {
                json.Skip();
            }
            else
            {
                while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
                {
                    var isName = JsonReaderText.Is(json, nameMember);
                    json.Read();
                    if (isName)
                    {
                        names++;
                        name = NameAt(json);
                        value = RangeOf(ref json);
                    }
                    else
                    {
                        json.Skip();
                    }
                }
            }

            _entries.Add(new CatalogueEntry(new ByteRange(start, (int)json.BytesConsumed - start), names == 1 ? name : null, value));
        }
    }

    private void ReadLinks(ref Utf8JsonReader json)
    {
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var isNext = JsonReaderText.Is(json, "next");
            json.Read();
            if (isNext)
            {
                Next = RangeOf(ref json);
            }
            else
            {
                json.Skip();
            }
        }
    }

    /// <summary>The current value as a name; <see langword="null"/> if it is no string of valid Unicode: the rights cannot judge it.</summary>
    private static string? NameAt(in Utf8JsonReader json) =>
        json.TokenType == JsonTokenType.String
        && Utf8.IsValid(json.ValueSpan)
        && JsonReaderText.Read(json) is var name
        && JsonText.IsWellFormed(name)
            ? name
            : null;

    /// <summary>The bytes of the current value. Reads it to its end.</summary>
    private static ByteRange RangeOf(ref Utf8JsonReader json)
    {
        var start = (int)json.TokenStartIndex;
        json.Skip();
        return new ByteRange(start, (int)json.BytesConsumed - start);
    }
}
