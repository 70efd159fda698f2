using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>
/// Collects the facts about the prompt during the scan. The data of media parts are long strings, so the work is done when a long string
/// ends; other tokens cost a comparison. A mutable struct: keep it in one field.
/// </summary>
internal struct PromptCollector()
{
    /// <summary>
    /// The length from which a string is long. A shorter one counts as text, and of the data of a media part as many bytes: a longer
    /// spelling of the same data does not count as less.
    /// </summary>
    public const int LongStringLength = 256;

    // Parts are not searched at greater depths.
    private const int Levels = 16;

    private Places _places;
    private Starts _starts;
    private PromptKey _key; // of the value that follows
    private List<LongString>? _longStrings;
    private int _mediaParts;
    private int _documents;
    private TextDocument _text = new();
    private bool _writesCache;
    private bool _writesLongCache;

    // The beginning of the current token, if it spans two pieces.
    private TokenBuffer _part;
    private int _partLength;

    /// <summary>The collected facts.</summary>
    public readonly PromptFacts Facts => new(_mediaParts, _documents, _writesCache, _writesLongCache, _longStrings);

    /// <summary>Records the beginning of an object or array.</summary>
    /// <param name="isObject">Whether it is an object.</param>
    /// <param name="inObject">Whether it is the value of a member.</param>
    /// <param name="at">Its offset.</param>
    /// <param name="depth">Its depth; 1 for the body.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void BeginContainer(bool isObject, bool inObject, long at, int depth)
    {
        if (depth < Levels)
        {
            _places[depth] = depth == 1 ? PromptPlace.Root : PlaceOf(isObject, inObject ? _key : PromptKey.None, _places[depth - 1]);
            _starts[depth] = (int)at;
        }
    }

    /// <summary>Records the beginning of a string, be it a name or a value.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void BeginString() => _partLength = 0;

    /// <summary>Keeps bytes of a string that does not end in the current piece.</summary>
    public void AddPart(ReadOnlySpan<byte> bytes)
    {
        if (_partLength + bytes.Length <= MediaTypes.MaxLength)
        {
            bytes.CopyTo(_part[_partLength..]);
        }

        _partLength = (int)Math.Min((long)_partLength + bytes.Length, MediaTypes.MaxLength + 1);
    }

    /// <summary>Records the end of a member name.</summary>
    /// <param name="rest">Its bytes in the current piece.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void EndKey(ReadOnlySpan<byte> rest)
    {
        _key = PromptKeys.Find(_partLength == 0 ? rest : Whole(rest));
        _writesCache |= _key == PromptKey.CacheControl;
    }

    /// <summary>Records the end of a string value.</summary>
    /// <param name="rest">Its bytes in the current piece.</param>
    /// <param name="start">Offset of its opening quote.</param>
    /// <param name="end">Offset after its closing quote.</param>
    /// <param name="depth">The depth of the object or array that contains it.</param>
    /// <param name="inObject">Whether it is the value of a member.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void EndString(ReadOnlySpan<byte> rest, long start, long end, int depth, bool inObject)
    {
        if (inObject)
        {
            if (_key is PromptKey.Type or PromptKey.Ttl)
            {
                EndWord(_partLength == 0 ? rest : Whole(rest), depth);
            }
            else if (end - start >= LongStringLength)
            {
                EndLongString(rest, start, end, depth);
            }
        }
    }

    private static PromptPlace PlaceOf(bool isObject, PromptKey key, PromptPlace parent) => (parent, isObject, key) switch
    {
        (PromptPlace.Root, false, PromptKey.Conversation) => PromptPlace.Conversation,
        (PromptPlace.Conversation or PromptPlace.Parts, true, _) => PromptPlace.Part,
        (PromptPlace.Part, false, PromptKey.Parts or PromptKey.Output) => PromptPlace.Parts,
        (PromptPlace.Part, true, PromptKey.Output) => PromptPlace.Part,
        (PromptPlace.Part, true, PromptKey.Data) => PromptPlace.Data,
        _ => PromptPlace.None,
    };

    private void EndWord(ReadOnlySpan<byte> word, int depth)
    {
        if (_key == PromptKey.Ttl)
        {
            _writesLongCache |= !word.SequenceEqual("5m"u8);
            return;
        }

        var place = depth < Levels ? _places[depth] : PromptPlace.Part;
        if (place == PromptPlace.Data)
        {
            _documents += _text.AddSource(_starts[depth - 1], word);
        }

        if (MediaTypes.Find(word) is { } part)
        {
            _mediaParts++;

            // A schema or the input of a tool may have a "type" of "file"; only a part of the prompt is one.
            if (part == MediaPartKind.Document && place == PromptPlace.Part)
            {
                _documents += 1 + (depth < Levels ? _text.AddPart(_starts[depth], word) : 0);
            }
        }
    }

    private void EndLongString(ReadOnlySpan<byte> rest, long start, long end, int depth)
    {
        var place = depth < Levels ? _places[depth] : PromptPlace.None;

        // Most long strings are text, which their beginning shows if it is at hand.
        if (place is PromptPlace.Part or PromptPlace.Data && (_partLength > 0 || MediaPart.MayBeData(rest)))
        {
            var part = _starts[place == PromptPlace.Part ? depth : depth - 1];
            (_longStrings ??= []).Add(new LongString(new ByteRange((int)start, (int)(end - start)), part));
        }
    }

    /// <summary>The bytes of a string that spans pieces; an empty text if it is longer than every text that matters.</summary>
    [UnscopedRef]
    private ReadOnlySpan<byte> Whole(ReadOnlySpan<byte> rest)
    {
        AddPart(rest);
        return _partLength <= MediaTypes.MaxLength ? _part[.._partLength] : default;
    }

    /// <summary>
    /// Finds the documents whose source is text of the body, as <c>{"type":"document","source":{"type":"text",...}}</c>: no pages are read. A
    /// part with two sources, or with a source of two types, has pages, since upstream may read either.
    /// </summary>
    private struct TextDocument()
    {
        private int _document = -1; // the start of the part
        private int _source = -1; // the start of the part that has the source
        private bool _isText;
        private bool _isFound;

        /// <summary>Records the type of a part that is a document.</summary>
        /// <returns>The change of the number of documents with pages.</returns>
        public int AddPart(int start, ReadOnlySpan<byte> type)
        {
            if (!type.SequenceEqual("document"u8))
            {
                return 0;
            }

            _document = start;
            return Find();
        }

        /// <summary>Records the type of a part's source.</summary>
        /// <returns>The change of the number of documents with pages.</returns>
        public int AddSource(int start, ReadOnlySpan<byte> type)
        {
            if (_source == start)
            {
                _isText = false;
                var wasFound = _isFound;
                _isFound = false;
                return wasFound ? 1 : 0;
            }

            _source = start;
            _isText = type.SequenceEqual("text"u8) || type.SequenceEqual("content"u8);
            _isFound = false;
            return Find();
        }

        private int Find()
        {
            if (_isFound || !_isText || _source != _document)
            {
                return 0;
            }

            _isFound = true;
            return -1;
        }
    }

    [InlineArray(Levels)]
    private struct Places
    {
        private PromptPlace _first;
    }

    [InlineArray(Levels)]
    private struct Starts
    {
        private int _first;
    }

    [InlineArray(MediaTypes.MaxLength)]
    private struct TokenBuffer
    {
        private byte _first;
    }
}
