using System.Text.Json;

namespace FakeOpenRouter;

/// <summary>The parts of a request body that determine the response. A body that is not a JSON object has the defaults.</summary>
internal sealed record RequestFacts(string? Model, string? Provider, bool Stream, bool Base64)
{
    public static RequestFacts Unknown { get; } = new(null, null, false, false);

    private static readonly JsonReaderOptions Options = new() { MaxDepth = 100_000 };

    public static RequestFacts Read(ReadOnlySpan<byte> body)
    {
        string? model = null;
        string? firstOfModels = null;
        string? provider = null;
        var stream = false;
        var base64 = false;
        var bom = body.StartsWith("\uFEFF"u8) ? 3 : 0;
        var reader = new Utf8JsonReader(body[bom..], Options);
        try
        {
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                return Unknown;
            }

            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (reader.ValueTextEquals("model"))
                {
                    reader.Read();
                    model = TextOf(ref reader);
                }
                else if (reader.ValueTextEquals("models"))
                {
                    reader.Read();
                    firstOfModels = FirstOf(ref reader);
                }
                else if (reader.ValueTextEquals("stream"))
                {
                    reader.Read();
                    stream = reader.TokenType == JsonTokenType.True;
                    reader.Skip();
                }
                else if (reader.ValueTextEquals("encoding_format"))
                {
                    reader.Read();
                    base64 = TextOf(ref reader) == "base64";
                }
                else if (reader.ValueTextEquals("provider"))
                {
                    reader.Read();
                    provider = ProviderOf(ref reader);
                }
                else
                {
                    reader.Read();
                    reader.Skip();
                }
            }
        }
        catch (JsonException)
        {
            return Unknown;
        }
        catch (InvalidOperationException)
        {
            // A lone surrogate in a name is legal JSON, but .NET does not convert it to a string.
            return Unknown with { Stream = stream };
        }

        return new RequestFacts(model ?? firstOfModels, provider, stream, base64);
    }

    private static string? TextOf(ref Utf8JsonReader reader)
    {
        var text = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
        reader.Skip();
        return text;
    }

    private static string? FirstOf(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            reader.Skip();
            return null;
        }

        string? first = null;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            first ??= reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
            reader.Skip();
        }

        return first;
    }

    private static string? ProviderOf(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return null;
        }

        string? order = null;
        string? only = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("order"))
            {
                reader.Read();
                order = FirstOf(ref reader);
            }
            else if (reader.ValueTextEquals("only"))
            {
                reader.Read();
                only = FirstOf(ref reader);
            }
            else
            {
                reader.Read();
                reader.Skip();
            }
        }

        return order ?? only;
    }
}
