using System.Text.Json;

namespace Gateway.Upstream;

/// <summary>
/// The facts about errors in a JSON document of upstream, the data of an event or a whole body, in every dialect. The one place that
/// decides the status of an error.
/// </summary>
internal struct AnswerDocument
{
    // The statuses that an error states, in the order in which they are believed.
    private int? _code;
    private int? _httpStatus;
    private int? _errorType;
    private int? _type;
    private int? _codeWord;

    /// <summary>The objects whose members are read.</summary>
    private enum Scope
    {
        Root,
        Response,
        Error,
        Metadata,
    }

    /// <summary>Whether the document has an <c>error</c> other than null, false and an empty string.</summary>
    public bool HasError { get; private set; }

    /// <summary>Whether it has <c>choices</c>, <c>content</c>, <c>output</c> or <c>data</c> other than null.</summary>
    public bool HasOutput { get; private set; }

    /// <summary>Its <c>type</c>; <see langword="null"/> without one.</summary>
    public string? Type { get; private set; }

    /// <summary>The status that the error says: its code as a number, else by its types or a code in words, else 502.</summary>
    public readonly int Status => _code ?? _httpStatus ?? _errorType ?? _type ?? _codeWord ?? ErrorStatus.Unknown;

    /// <summary>Reads a document. Fails if it is not exactly one JSON object.</summary>
    public static bool TryRead(ReadOnlySpan<byte> json, out AnswerDocument document)
    {
        document = default;
        try
        {
            var reader = new Utf8JsonReader(json);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                return false;
            }

            document.ReadObject(ref reader, Scope.Root);
            return !reader.Read();
        }
        catch (JsonException)
        {
            return false;
        }
        catch (InvalidOperationException)
        {
            // A string with invalid UTF-8 or a lone surrogate.
            return false;
        }
    }

    private void ReadObject(ref Utf8JsonReader json, Scope scope)
    {
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var isErrorType = json.ValueTextEquals("error_type"u8);

            // The other members of the metadata are the provider's.
            var isOwn = scope != Scope.Metadata;
            var isType = isOwn && json.ValueTextEquals("type"u8);
            var isCode = isOwn && json.ValueTextEquals("code"u8);
            var isStatus = isOwn && json.ValueTextEquals("http_status"u8);
            var isError = json.ValueTextEquals("error"u8);
            var inner = scope switch
            {
                Scope.Root or Scope.Response when isError => Scope.Error,
                Scope.Root when json.ValueTextEquals("response"u8) => Scope.Response,
                Scope.Error when json.ValueTextEquals("metadata"u8) => Scope.Metadata,
                _ => Scope.Root,
            };
            var isOutput = scope == Scope.Root
                && (json.ValueTextEquals("choices"u8) || json.ValueTextEquals("content"u8) || json.ValueTextEquals("output"u8)
                    || json.ValueTextEquals("data"u8));
            json.Read();
            if (json.TokenType == JsonTokenType.Null)
            {
                continue;
            }

            HasOutput |= isOutput;
            var isNone = json.TokenType == JsonTokenType.False || (json.TokenType == JsonTokenType.String && json.ValueTextEquals(""u8));
            HasError |= isError && scope == Scope.Root && !isNone;
            if (inner != Scope.Root && json.TokenType == JsonTokenType.StartObject)
            {
                ReadObject(ref json, inner);
            }
            else if (json.TokenType == JsonTokenType.Number && (isCode || isStatus))
            {
                var status = json.TryGetInt32(out var number) ? ErrorStatus.OfNumber(number) : null;
                _code ??= isCode ? status : null;
                _httpStatus ??= isStatus ? status : null;
            }
            else if (json.TokenType == JsonTokenType.String && (isErrorType || isType || isCode))
            {
                Note(json.GetString()!, scope, isErrorType, isType);
            }
            else
            {
                json.Skip();
            }
        }
    }

    private void Note(string word, Scope scope, bool isErrorType, bool isType)
    {
        if (isErrorType)
        {
            _errorType ??= ErrorStatus.OfWord(word);
        }
        else if (!isType)
        {
            _code ??= ErrorStatus.OfNumber(word);
            _codeWord ??= ErrorStatus.OfWord(word);
        }
        else if (scope == Scope.Error)
        {
            _type ??= ErrorStatus.OfWord(word);
        }
        else if (scope == Scope.Root)
        {
            Type = word;
        }
    }
}
