using System.Buffers;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using OpenRouterGateway.Transforms.Json;

namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>
/// One forward pass over a request body, segment by segment as it arrives. Checks that the body is exactly one JSON object
/// (RFC 8259, UTF-8, an optional byte order mark in front) and notes where the routing members stand. Everything else is
/// skipped: strings by vectorised search, nesting by one bit a level, so that depth costs neither stack nor objects.
/// </summary>
/// <remarks>Not thread-safe, and good for one body.</remarks>
internal sealed class BodyScanner : IDisposable
{
    /// <summary>How often routing members may occur in one body, and how many models they may name: far above any honest request, and
    /// what keeps the notes about a hostile one small.</summary>
    internal const int MaxNotes = 1024;

    /// <summary>The longest model name that is read, in bytes of the body.</summary>
    internal const int MaxModelNameLength = 4096;

    // A piece is checked for UTF-8 and then scanned: small enough to be still in the cache for the second pass.
    private const int PieceSize = 32 * 1024;

    // The longest way to write a name of interest: 21 letters of six bytes each ("\u006d\u0061…").
    private const int KeyCapacity = 21 * 6;

    // Shorter strings are text whatever they hold; longer ones may be a picture, a recording or a file in base64.
    private const int LongString = 1024;

    // How far a string is searched in place before the search for long runs takes over.
    private const int NearRun = 4 * 16;

    private static readonly SearchValues<byte> StringStops = SearchValues.Create(
        [.. Enumerable.Range(0, 0x20).Select(control => (byte)control), (byte)'"', (byte)'\\']);

    private readonly List<BodyMember> _members = [];
    private readonly List<(ByteRange Value, int Member)> _names = [];
    private List<ByteRange>? _longStrings;

    private State _state = State.Start;
    private long _offset; // of the piece being scanned
    private BodyFault? _fault;

    // Nesting: one bit a level, set for an object; _levels holds the bits of the current 64 levels, _outer those further out.
    private int _depth;
    private ulong _levels;
    private ulong[]? _outer;

    // The string, number or literal being read.
    private bool _isKey;
    private int _remaining;       // hex digits of \uXXXX, or bytes of a literal or of a byte order mark
    private string _literal = "";
    private long _tokenStart;

    // The member being read, at depth 1.
    private long _keyStart;
    private BodyMemberName? _member;
    private long _valueStart;
    private JsonValueKind _valueKind;
    private long _insertAt;
    private bool _isEmpty = true;
    private bool _commaIsLastMembers;

    // The key being read, where it matters: collected when it has escapes or spans two segments.
    private KeyBuffer _key;
    private int _keyLength;
    private bool _keyIsModel;     // inside an entry of `fallbacks`

    // An UTF-8 sequence cut by the end of a segment.
    private uint _partial;
    private int _partialLength;

    private enum State
    {
        Start, ByteOrderMark, ObjectFirst, ObjectKey, Colon, Value, ArrayFirst, AfterValue, End,
        String, Escape, Hex, Literal,
        Minus, Zero, Integer, Point, Fraction, Exponent, ExponentSign, ExponentDigits,
    }

    /// <summary>What is wrong with the body, or <see langword="null"/> so far.</summary>
    public BodyFault? Fault => _fault;

    /// <summary>Scans the next bytes of the body. They need not stay valid after the call.</summary>
    /// <returns>Whether the body is faultless so far; after <see langword="false"/> see <see cref="Fault"/>.</returns>
    public bool Scan(ReadOnlySpan<byte> bytes)
    {
        while (_fault is null && !bytes.IsEmpty)
        {
            var piece = bytes[..Math.Min(bytes.Length, PieceSize)];
            bytes = bytes[piece.Length..];
            var sound = Utf8Prefix(piece, out var brokenAt);
            ScanPiece(sound);
            if (brokenAt is { } offset)
            {
                // Behind the scan of what stands before it, so that the first fault is the one told, however the body was cut.
                Fail(offset, "invalid UTF-8");
            }

            _offset += piece.Length;
        }

        return _fault is null;
    }

    /// <summary>Ends the scan and hands over what was found.</summary>
    /// <param name="body">All bytes that were scanned: the names of models are read from it.</param>
    /// <param name="facts">What was found; <see langword="null"/> when the body has a fault.</param>
    /// <returns>Whether the body is one JSON object; after <see langword="false"/> see <see cref="Fault"/>.</returns>
    public bool TryComplete(in ReadOnlySequence<byte> body, [NotNullWhen(true)] out BodyFacts? facts)
    {
        Debug.Assert(body.Length == _offset || _fault is not null, "the scan saw another body");
        facts = null;
        if (_fault is null && _partialLength > 0)
        {
            Fail(_offset - _partialLength, "invalid UTF-8");
        }

        if (_fault is null && _state != State.End)
        {
            Fail(_offset, _state is State.Start && _offset == 0 ? "the body is empty" : "the body ends too early");
        }

        if (_fault is not null)
        {
            return false;
        }

        var models = _names.Count == 0 ? [] : new ModelName[_names.Count];
        for (var i = 0; i < models.Length; i++)
        {
            var (value, member) = _names[i];
            models[i] = new ModelName(JsonStringDecoder.Decode(body.Slice(value.Start + 1, value.Length - 2)), value, member);
        }

        facts = new BodyFacts((int)_offset, (int)_insertAt, _isEmpty, _members, models, _longStrings ?? [], body);
        return true;
    }

    /// <summary>Gives back what deep nesting borrowed.</summary>
    public void Dispose()
    {
        if (_outer is not null)
        {
            ArrayPool<ulong>.Shared.Return(_outer);
            _outer = null;
        }
    }

    private void ScanPiece(ReadOnlySpan<byte> piece)
    {
        var i = 0;
        while (i < piece.Length)
        {
            var b = piece[i];
            switch (_state)
            {
                case State.String:
                    if (!ScanString(piece, ref i))
                    {
                        return;
                    }

                    continue;

                case State.Escape:
                    NoteKeyByte(b);
                    if (IsSimpleEscape(b))
                    {
                        _state = State.String;
                    }
                    else if (b == 'u')
                    {
                        _remaining = 4;
                        _state = State.Hex;
                    }
                    else
                    {
                        Fail(_offset + i, "invalid escape sequence");
                        return;
                    }

                    i++;
                    continue;

                case State.Hex:
                    if (!char.IsAsciiHexDigit((char)b))
                    {
                        Fail(_offset + i, "invalid \\u escape sequence");
                        return;
                    }

                    NoteKeyByte(b);
                    if (--_remaining == 0)
                    {
                        _state = State.String;
                    }

                    i++;
                    continue;

                case State.Literal:
                    if (b != _literal[^_remaining])
                    {
                        Fail(_offset + i, "invalid literal");
                        return;
                    }

                    i++;
                    if (--_remaining == 0)
                    {
                        EndValue(_offset + i);
                    }

                    continue;

                case >= State.Minus:
                    if (!ScanNumber(piece, ref i))
                    {
                        return;
                    }

                    continue;

                case State.ByteOrderMark:
                    if (b != (_remaining == 2 ? 0xBB : 0xBF))
                    {
                        Fail(_offset + i, "expected '{'");
                        return;
                    }

                    i++;
                    if (--_remaining == 0)
                    {
                        _state = State.Start;
                    }

                    continue;
            }

            if (b is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t')
            {
                i++;
                continue;
            }

            if (!ScanStructure(b, _offset + i))
            {
                return;
            }

            i++;
        }
    }

    /// <summary>One byte between values: brackets, commas, colons, or the first byte of a value or key.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool ScanStructure(byte b, long at)
    {
        switch (_state)
        {
            case State.Value:
                return BeginValue(b, at, "expected a value");

            case State.AfterValue:
                if (b == ',')
                {
                    if (_commaIsLastMembers)
                    {
                        _commaIsLastMembers = false;
                        _members[^1] = _members[^1] with { CommaEnd = (int)(at + 1) };
                    }

                    _state = InObject ? State.ObjectKey : State.Value;
                    return true;
                }

                if (b == (InObject ? '}' : ']'))
                {
                    EndContainer(at);
                    return true;
                }

                return Fail(at, InObject ? "expected ',' or '}'" : "expected ',' or ']'");

            case State.ObjectFirst or State.ObjectKey:
                if (b == '"')
                {
                    BeginString(at, isKey: true);
                    return true;
                }

                if (b == '}' && _state == State.ObjectFirst)
                {
                    EndContainer(at);
                    return true;
                }

                return Fail(at, _state == State.ObjectFirst ? "expected a member name or '}'" : "expected a member name");

            case State.Colon:
                _state = State.Value;
                return b == ':' || Fail(at, "expected ':'");

            case State.ArrayFirst:
                if (b == ']')
                {
                    EndContainer(at);
                    return true;
                }

                return BeginValue(b, at, "expected a value or ']'");

            case State.Start:
                if (b == '{')
                {
                    _insertAt = at + 1;
                    PushLevel(isObject: true);
                    return true;
                }

                if (b == 0xEF && at == 0)
                {
                    _remaining = 2;
                    _state = State.ByteOrderMark;
                    return true;
                }

                return Fail(at, "expected '{'");

            default:
                return Fail(at, "unexpected bytes behind the object");
        }
    }

    private bool BeginValue(byte b, long at, string problem)
    {
        switch (b)
        {
            case (byte)'"':
                NoteValueStart(at, JsonValueKind.String);
                BeginString(at, isKey: false);
                return true;

            case (byte)'{':
                NoteValueStart(at, JsonValueKind.Object);
                PushLevel(isObject: true);
                return true;

            case (byte)'[':
                NoteValueStart(at, JsonValueKind.Array);
                PushLevel(isObject: false);
                return true;

            case (byte)'-' or (>= (byte)'0' and <= (byte)'9'):
                NoteValueStart(at, JsonValueKind.Number);
                _state = b switch { (byte)'-' => State.Minus, (byte)'0' => State.Zero, _ => State.Integer };
                return true;

            case (byte)'t':
                return BeginLiteral(at, JsonValueKind.True, "true");

            case (byte)'f':
                return BeginLiteral(at, JsonValueKind.False, "false");

            case (byte)'n':
                return BeginLiteral(at, JsonValueKind.Null, "null");

            default:
                return Fail(at, problem);
        }
    }

    private bool BeginLiteral(long at, JsonValueKind kind, string literal)
    {
        NoteValueStart(at, kind);
        _literal = literal;
        _remaining = literal.Length - 1;
        _state = State.Literal;
        return true;
    }

    private void BeginString(long at, bool isKey)
    {
        _tokenStart = at;
        _isKey = isKey;
        _state = State.String;
        if (isKey)
        {
            _keyLength = 0;
            if (_depth == 1)
            {
                _keyStart = at;
            }
        }
    }

    private bool ScanString(ReadOnlySpan<byte> piece, ref int i)
    {
        var start = i;
        while (true)
        {
            i = NextStop(piece, i);
            var stop = i < piece.Length ? piece[i] : (byte)0;
            if (stop == '\\')
            {
                i++;
                if (TryPassEscape(piece, ref i))
                {
                    continue;
                }

                _state = State.Escape;
            }

            if (_isKey && KeyMatters)
            {
                NoteKeyBytes(piece[start..i]);
            }

            if (i == piece.Length || stop == '\\')
            {
                return true;
            }

            if (stop != '"')
            {
                return Fail(_offset + i, "unescaped control character in a string");
            }

            i++;
            if (_isKey)
            {
                EndKey();
            }
            else
            {
                EndString(_offset + i);
            }

            return true;
        }
    }

    /// <summary>
    /// The next byte at or behind <paramref name="at"/> that is not plain text; the length of the piece when there is none.
    /// </summary>
    private static int NextStop(ReadOnlySpan<byte> piece, int at)
    {
        // Texts with quotes and line breaks stop often: some vectors in place cost less than the set-up of the search for long runs.
        var near = Math.Min(piece.Length - Vector128<byte>.Count, at + NearRun);
        for (; at <= near; at += Vector128<byte>.Count)
        {
            var bytes = Vector128.Create(piece.Slice(at, Vector128<byte>.Count));
            var stops = Vector128.LessThan(bytes, Vector128.Create((byte)0x20))
                | Vector128.Equals(bytes, Vector128.Create((byte)'"'))
                | Vector128.Equals(bytes, Vector128.Create((byte)'\\'));
            if (stops != Vector128<byte>.Zero)
            {
                return at + BitOperations.TrailingZeroCount(stops.ExtractMostSignificantBits());
            }
        }

        var run = piece[at..].IndexOfAny(StringStops);
        return run < 0 ? piece.Length : at + run;
    }

    /// <summary>Passes an escape that stands whole in the piece; one that is cut or broken is left to the states.</summary>
    private static bool TryPassEscape(ReadOnlySpan<byte> piece, ref int i)
    {
        if (i == piece.Length)
        {
            return false;
        }

        if (IsSimpleEscape(piece[i]))
        {
            i++;
            return true;
        }

        if (piece[i] == 'u' && piece.Length - i > 4
            && char.IsAsciiHexDigit((char)piece[i + 1]) && char.IsAsciiHexDigit((char)piece[i + 2])
            && char.IsAsciiHexDigit((char)piece[i + 3]) && char.IsAsciiHexDigit((char)piece[i + 4]))
        {
            i += 5;
            return true;
        }

        return false;
    }

    private static bool IsSimpleEscape(byte b) =>
        b is (byte)'"' or (byte)'\\' or (byte)'/' or (byte)'b' or (byte)'f' or (byte)'n' or (byte)'r' or (byte)'t';

    // Two places where the name of a member matters: the object itself, and the entries of its `fallbacks`.
    private bool KeyMatters => _depth == 1 || (_depth == 3 && _member == BodyMemberName.Fallbacks && _valueKind == JsonValueKind.Array);

    private void NoteKeyByte(byte b)
    {
        if (_isKey && KeyMatters)
        {
            NoteKeyBytes([b]);
        }
    }

    private void NoteKeyBytes(ReadOnlySpan<byte> bytes)
    {
        // A key that does not fit is none of ours: its length alone says so.
        if (_keyLength + bytes.Length <= KeyCapacity)
        {
            bytes.CopyTo(_key[_keyLength..]);
        }

        _keyLength = (int)Math.Min((long)_keyLength + bytes.Length, KeyCapacity + 1);
    }

    private void EndKey()
    {
        _state = State.Colon;
        if (!KeyMatters)
        {
            return;
        }

        var key = _keyLength <= KeyCapacity ? MemberNames.Find(_key[.._keyLength]) : null;
        if (_depth == 1)
        {
            _member = key;
        }
        else
        {
            _keyIsModel = key == BodyMemberName.Model;
        }
    }

    private void EndString(long end)
    {
        // The value of `model`, an entry of `models` or `fallbacks`, or `model` in an entry of `fallbacks`.
        var namesModel = _member switch
        {
            BodyMemberName.Model => _depth == 1,
            BodyMemberName.Models => _depth == 2 && !InObject,
            BodyMemberName.Fallbacks when _valueKind == JsonValueKind.Array => _depth == 2 || (_depth == 3 && InObject && _keyIsModel),
            _ => false,
        };
        if (namesModel)
        {
            if (end - _tokenStart - 2 > MaxModelNameLength)
            {
                Fail(_tokenStart, $"a model name of more than {MaxModelNameLength} bytes");
                return;
            }

            if (_names.Count == MaxNotes)
            {
                Fail(_tokenStart, $"more than {MaxNotes} model names");
                return;
            }

            _names.Add((new ByteRange((int)_tokenStart, (int)(end - _tokenStart)), _members.Count));
        }

        // Beyond the bound a long string counts as text, which is the dearer reading.
        if (end - _tokenStart >= LongString && (_longStrings ??= []).Count < MaxNotes)
        {
            _longStrings.Add(new ByteRange((int)_tokenStart, (int)(end - _tokenStart)));
        }

        EndValue(end);
    }

    private bool ScanNumber(ReadOnlySpan<byte> piece, ref int i)
    {
        while (i < piece.Length)
        {
            var b = piece[i];
            var isDigit = (uint)(b - '0') <= 9;
            State next;
            switch (_state)
            {
                case State.Minus when isDigit:
                    next = b == '0' ? State.Zero : State.Integer;
                    break;
                case State.Integer or State.Fraction or State.ExponentDigits when isDigit:
                    next = _state;
                    break;
                case State.Zero or State.Integer when b == '.':
                    next = State.Point;
                    break;
                case State.Point when isDigit:
                    next = State.Fraction;
                    break;
                case State.Zero or State.Integer or State.Fraction when b is (byte)'e' or (byte)'E':
                    next = State.Exponent;
                    break;
                case State.Exponent when b is (byte)'+' or (byte)'-':
                    next = State.ExponentSign;
                    break;
                case State.Exponent or State.ExponentSign when isDigit:
                    next = State.ExponentDigits;
                    break;
                case State.Zero when isDigit:
                    return Fail(_offset + i, "a number with a leading zero");
                case State.Zero or State.Integer or State.Fraction or State.ExponentDigits:
                    EndValue(_offset + i);
                    return true;
                default:
                    return Fail(_offset + i, "an incomplete number");
            }

            _state = next;
            i++;
        }

        return true;
    }

    private bool InObject => (_levels & 1) != 0;

    private void PushLevel(bool isObject)
    {
        if (_depth > 0 && _depth % 64 == 0)
        {
            SpillLevels();
        }

        _levels = (_levels << 1) | (isObject ? 1UL : 0);
        _depth++;
        _state = isObject ? State.ObjectFirst : State.ArrayFirst;
    }

    private void SpillLevels()
    {
        var word = (_depth / 64) - 1;
        if (_outer is null || word == _outer.Length)
        {
            var larger = ArrayPool<ulong>.Shared.Rent(Math.Max(16, 2 * word));
            _outer?.CopyTo(larger, 0);
            Dispose();
            _outer = larger;
        }

        _outer[word] = _levels;
    }

    private void EndContainer(long at)
    {
        _depth--;
        _levels = _depth > 0 && _depth % 64 == 0 ? _outer![(_depth / 64) - 1] : _levels >> 1;
        if (_depth == 0)
        {
            _state = State.End;
        }
        else
        {
            EndValue(at + 1);
        }
    }

    private void NoteValueStart(long at, JsonValueKind kind)
    {
        if (_depth == 1)
        {
            _valueStart = at;
            _valueKind = kind;
        }
    }

    private void EndValue(long end)
    {
        _state = State.AfterValue;
        if (_depth != 1)
        {
            return;
        }

        _isEmpty = false;
        _insertAt = end;
        if (_member is { } name)
        {
            if (_members.Count == MaxNotes)
            {
                Fail(_keyStart, $"more than {MaxNotes} routing members");
                return;
            }

            // One reader's offsets are another one's array indexes: a body is limited to int.MaxValue bytes before it comes here.
            var value = new ByteRange((int)_valueStart, (int)(end - _valueStart));
            _members.Add(new BodyMember(name, (int)_keyStart, value, _valueKind, CommaEnd: -1));
            _commaIsLastMembers = true;
            _member = null;
        }
    }

    /// <summary>Checks the encoding; returns the bytes up to the end of the first broken sequence, or all of them.</summary>
    private ReadOnlySpan<byte> Utf8Prefix(ReadOnlySpan<byte> piece, out long? brokenAt)
    {
        brokenAt = null;
        var i = 0;
        if (_partialLength > 0)
        {
            i = CompletePartial(piece, out brokenAt);
            if (brokenAt is not null || _partialLength > 0)
            {
                return piece[..i];
            }
        }

        var tail = IncompleteTail(piece[i..]);
        var whole = piece[i..^tail];
        if (!Utf8.IsValid(whole))
        {
            var (start, length) = FirstInvalid(whole);
            brokenAt = _offset + i + start;
            return piece[..(i + start + length)];
        }

        foreach (var b in piece[^tail..])
        {
            _partial = (_partial << 8) | b;
            _partialLength++;
        }

        return piece;
    }

    /// <summary>Adds bytes to the cut sequence until it is whole; returns how many belong to it.</summary>
    private int CompletePartial(ReadOnlySpan<byte> piece, out long? brokenAt)
    {
        brokenAt = null;
        Span<byte> sequence = stackalloc byte[4];
        var start = _offset - _partialLength;
        for (var i = 0; i < piece.Length; i++)
        {
            _partial = (_partial << 8) | piece[i];
            _partialLength++;
            for (var j = 0; j < _partialLength; j++)
            {
                sequence[j] = (byte)(_partial >> (8 * (_partialLength - 1 - j)));
            }

            switch (Rune.DecodeFromUtf8(sequence[.._partialLength], out _, out _))
            {
                case OperationStatus.Done:
                    _partial = 0;
                    _partialLength = 0;
                    return i + 1;
                case OperationStatus.InvalidData:
                    brokenAt = start;
                    return i;
            }
        }

        return piece.Length;
    }

    /// <summary>How many bytes at the end begin a sequence whose rest is still to come.</summary>
    private static int IncompleteTail(ReadOnlySpan<byte> bytes)
    {
        for (var back = 1; back <= Math.Min(3, bytes.Length); back++)
        {
            var b = bytes[^back];
            if (b < 0x80)
            {
                return 0;
            }

            if (b >= 0xC0)
            {
                var length = b >= 0xF0 ? 4 : b >= 0xE0 ? 3 : 2;
                return length > back ? back : 0;
            }
        }

        return 0;
    }

    private static (int Start, int Length) FirstInvalid(ReadOnlySpan<byte> bytes)
    {
        var i = 0;
        int consumed;
        while (Rune.DecodeFromUtf8(bytes[i..], out _, out consumed) == OperationStatus.Done)
        {
            i += consumed;
        }

        return (i, consumed);
    }

    private bool Fail(long offset, string problem)
    {
        _fault ??= new BodyFault(offset, problem);
        return false;
    }

    [InlineArray(KeyCapacity)]
    private struct KeyBuffer
    {
        private byte _first;
    }
}
