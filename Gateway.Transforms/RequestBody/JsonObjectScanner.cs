using System.Buffers;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>
/// The grammar of a request body: a state machine that checks that a text is exactly one JSON object (RFC 8259, with an optional byte order
/// mark), and reports its members and strings to a <see cref="RoutingMemberCollector"/>. A mutable struct: keep it in one field.
/// </summary>
internal struct JsonObjectScanner() : IDisposable
{
    private JsonNesting _nesting;
    private RoutingMemberCollector _members = new();
    private PromptCollector _prompt = new();

    private ScanState _state = ScanState.Start;
    private long _offset; // of the current piece
    private BodyFault? _fault;

    // The current string, number or literal.
    private bool _isKey;
    private bool _isCollected;
    private int _remaining; // hex digits of \uXXXX, or bytes of a literal or of a byte order mark
    private string _literal = "";
    private long _tokenStart;

    /// <summary>The first fault; <see langword="null"/> if none was found so far.</summary>
    public readonly BodyFault? Fault => _fault;

    /// <summary>Whether the object is complete.</summary>
    public readonly bool IsAtEnd => _state == ScanState.End;

    /// <summary>The facts about a complete object; see <see cref="RoutingMemberCollector.ToFacts"/>.</summary>
    public readonly BodyFacts ToFacts(int length, in ReadOnlySequence<byte> body) => _members.ToFacts(length, _prompt.Facts, body);

    /// <summary>Returns the array that deep nesting has rented.</summary>
    public void Dispose() => _nesting.Dispose();

    /// <summary>Scans the next bytes. After a fault, the rest of the text is ignored.</summary>
    /// <param name="piece">The bytes, valid UTF-8.</param>
    /// <param name="offset">The offset of the piece in the text.</param>
    public void Scan(ReadOnlySpan<byte> piece, long offset)
    {
        _offset = offset;
        var i = 0;
        while (i < piece.Length)
        {
            var b = piece[i];
            switch (_state)
            {
                case ScanState.String:
                    if (!ScanString(piece, ref i))
                    {
                        return;
                    }

                    continue;

                case ScanState.Escape or ScanState.Hex:
                    if (!ScanEscape(b, _offset + i))
                    {
                        return;
                    }

                    i++;
                    continue;

                case ScanState.Literal:
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

                case >= ScanState.Minus:
                    if (!ScanNumber(piece, ref i))
                    {
                        return;
                    }

                    continue;

                case ScanState.ByteOrderMark:
                    if (b != (_remaining == 2 ? 0xBB : 0xBF))
                    {
                        Fail(_offset + i, "expected '{'");
                        return;
                    }

                    i++;
                    if (--_remaining == 0)
                    {
                        _state = ScanState.Start;
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

    /// <summary>Scans one byte between values: a bracket, comma or colon, or the first byte of a value or key.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool ScanStructure(byte b, long at)
    {
        switch (_state)
        {
            case ScanState.Value:
                return BeginValue(b, at, "expected a value");
            case ScanState.AfterValue:
                if (b == ',')
                {
                    _members.AddComma(at);
                    _state = _nesting.InObject ? ScanState.ObjectKey : ScanState.Value;
                    return true;
                }

                if (b == (_nesting.InObject ? '}' : ']'))
                {
                    EndContainer(at);
                    return true;
                }

                return Fail(at, _nesting.InObject ? "expected ',' or '}'" : "expected ',' or ']'");
            case ScanState.ObjectFirst or ScanState.ObjectKey:
                if (b == '"')
                {
                    BeginString(at, isKey: true);
                    return true;
                }

                if (b == '}' && _state == ScanState.ObjectFirst)
                {
                    EndContainer(at);
                    return true;
                }

                return Fail(at, _state == ScanState.ObjectFirst ? "expected a member name or '}'" : "expected a member name");
            case ScanState.Colon:
                _state = ScanState.Value;
                return b == ':' || Fail(at, "expected ':'");
            case ScanState.ArrayFirst:
                if (b == ']')
                {
                    EndContainer(at);
                    return true;
                }

                return BeginValue(b, at, "expected a value or ']'");
            case ScanState.Start:
                if (b == '{')
                {
                    _members.BeginBody(at);
                    BeginContainer(at, isObject: true);
                    return true;
                }

                if (b == 0xEF && at == 0)
                {
                    _remaining = 2;
                    _state = ScanState.ByteOrderMark;
                    return true;
                }

                return Fail(at, "expected '{'");
            default:
                return Fail(at, "unexpected bytes after the object");
        }
    }

    private bool BeginValue(byte b, long at, string problem)
    {
        switch (b)
        {
            case (byte)'"':
                _members.BeginValue(at, JsonValueKind.String, _nesting.Depth);
                BeginString(at, isKey: false);
                return true;
            case (byte)'{':
                _members.BeginValue(at, JsonValueKind.Object, _nesting.Depth);
                BeginContainer(at, isObject: true);
                return true;
            case (byte)'[':
                _members.BeginValue(at, JsonValueKind.Array, _nesting.Depth);
                BeginContainer(at, isObject: false);
                return true;
            case (byte)'-' or (>= (byte)'0' and <= (byte)'9'):
                _members.BeginValue(at, JsonValueKind.Number, _nesting.Depth);
                _state = b switch { (byte)'-' => ScanState.Minus, (byte)'0' => ScanState.Zero, _ => ScanState.Integer };
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
        _members.BeginValue(at, kind, _nesting.Depth);
        _literal = literal;
        _remaining = literal.Length - 1;
        _state = ScanState.Literal;
        return true;
    }

    private void BeginString(long at, bool isKey)
    {
        _tokenStart = at;
        _isKey = isKey;
        _state = ScanState.String;
        _prompt.BeginString();
        _isCollected = isKey ? _members.BeginKey(at, _nesting.Depth) : _members.CollectsValue;
    }

    private bool ScanString(ReadOnlySpan<byte> piece, ref int i)
    {
        var start = i;
        while (true)
        {
            i = JsonStringSearch.NextStop(piece, i);
            var stop = i < piece.Length ? piece[i] : (byte)0;
            if (stop == '\\')
            {
                i++;
                if (JsonStringSearch.TryPassEscape(piece, ref i))
                {
                    continue;
                }

                _state = ScanState.Escape;
            }

            if (_isCollected)
            {
                _members.AddText(piece[start..i]);
            }

            if (i == piece.Length || stop == '\\')
            {
                _prompt.AddPart(piece[start..i]);
                return true;
            }

            if (stop != '"')
            {
                return Fail(_offset + i, "unescaped control character in a string");
            }

            var rest = piece[start..i];
            i++;
            if (_isKey)
            {
                _state = ScanState.Colon;
                _prompt.EndKey(rest);
                if (_isCollected)
                {
                    _members.EndKey(_nesting.Depth);
                }
            }
            else
            {
                _prompt.EndString(rest, _tokenStart, _offset + i, _nesting.Depth, _nesting.InObject);
                EndString(_offset + i);
            }

            return true;
        }
    }

    /// <summary>Scans one byte of an escape that is not completely in one piece, or that is invalid.</summary>
    private bool ScanEscape(byte b, long at)
    {
        _prompt.AddPart([b]);
        if (_isCollected)
        {
            _members.AddText([b]);
        }

        if (_state == ScanState.Hex)
        {
            _state = --_remaining == 0 ? ScanState.String : ScanState.Hex;
            return char.IsAsciiHexDigit((char)b) || Fail(at, "invalid \\u escape sequence");
        }

        if (b == 'u')
        {
            _remaining = 4;
            _state = ScanState.Hex;
            return true;
        }

        _state = ScanState.String;
        return JsonStringSearch.IsSimpleEscape(b) || Fail(at, "invalid escape sequence");
    }

    private void EndString(long end)
    {
        if (_members.EndString(_tokenStart, end, _nesting.Depth, _nesting.InObject) is { } problem)
        {
            Fail(_tokenStart, problem);
            return;
        }

        EndValue(end);
    }

    private bool ScanNumber(ReadOnlySpan<byte> piece, ref int i)
    {
        while (i < piece.Length)
        {
            var b = piece[i];
            if (!JsonNumber.TryAdvance(_state, b, out var next))
            {
                if (_state == ScanState.Zero && char.IsAsciiDigit((char)b))
                {
                    return Fail(_offset + i, "a number with a leading zero");
                }

                if (!JsonNumber.IsComplete(_state))
                {
                    return Fail(_offset + i, "an incomplete number");
                }

                EndValue(_offset + i);
                return true;
            }

            _state = next;
            i++;
        }

        return true;
    }

    private void BeginContainer(long at, bool isObject)
    {
        _prompt.BeginContainer(isObject, _nesting.InObject, at, _nesting.Depth + 1);
        _nesting.Push(isObject);
        _state = isObject ? ScanState.ObjectFirst : ScanState.ArrayFirst;
    }

    private void EndContainer(long at)
    {
        _nesting.Pop();
        if (_nesting.Depth == 0)
        {
            _state = ScanState.End;
        }
        else
        {
            EndValue(at + 1);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void EndValue(long end)
    {
        _state = ScanState.AfterValue;
        if (_nesting.Depth <= _members.WatchedDepth && _members.EndValue(end, _nesting.Depth) is { } problem)
        {
            Fail(_members.KeyStart, problem);
        }
    }

    /// <summary>Records a fault; the first one is kept. Returns <see langword="false"/>.</summary>
    public bool Fail(long offset, string problem)
    {
        _fault ??= new BodyFault(offset, problem);
        return false;
    }
}
