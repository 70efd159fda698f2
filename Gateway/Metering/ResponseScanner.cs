using System.Buffers;

namespace Gateway.Metering;

/// <summary>
/// Scans one JSON document incrementally and passes the members of <see cref="ResponseShape"/> to a builder. All other values are skipped
/// by vectorised search with a depth count and are not validated: invalid JSON yields no facts or ends the scan.
/// </summary>
internal sealed class ResponseScanner(ResponseFactsBuilder facts)
{
    // A longer name or value is ignored. Ids, prices and counts are much shorter.
    private const int Capacity = 512;

    private const byte Quote = (byte)'"';
    private const byte Backslash = (byte)'\\';

    private static readonly SearchValues<byte> Brackets = SearchValues.Create("\"{}[]"u8);
    private static readonly SearchValues<byte> ScalarEnds = SearchValues.Create(",]} \t\r\n"u8);

    private State _state;

    // The stack of positions, one byte each, the current position lowest. The shape has at most five levels.
    private ulong _positions;
    private ResponseMember _member;

    // The number of open brackets in a skipped value.
    private long _depth;
    private bool _isInString;

    // The current string, number or literal.
    private bool _isWanted;
    private bool _isEscaping;
    private bool _hasEscapes;
    private int _carriedLength;
    private byte[]? _carried;

    private enum State : byte
    {
        Start, Name, InName, Colon, Value, InString, InScalar, Skip, AfterValue, Closed, Broken,
    }

    /// <summary>Whether the document is complete.</summary>
    public bool IsClosed => _state == State.Closed;

    private ResponsePosition Position => (ResponsePosition)(byte)_positions;

    /// <summary>Resets the scanner for a new document.</summary>
    public void Begin()
    {
        _state = State.Start;
        _positions = 0;
        _member = ResponseMember.None;
        facts.BeginDocument();
    }

    /// <summary>Scans the next bytes.</summary>
    public void Read(ReadOnlySpan<byte> bytes)
    {
        var at = 0;
        while (at < bytes.Length)
        {
            switch (_state)
            {
                case State.InName or State.InString:
                    at = ReadString(bytes, at);
                    break;
                case State.InScalar:
                    at = ReadScalar(bytes, at);
                    break;
                case State.Skip:
                    at = Skip(bytes, at);
                    break;
                case State.Closed or State.Broken:
                    return;
                default:
                    if (bytes[at] is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t')
                    {
                        at++;
                    }
                    else
                    {
                        at += Step(bytes[at]);
                    }

                    break;
            }
        }
    }

    /// <summary>Handles a structural byte. Returns the number of consumed bytes: zero if a number or literal begins.</summary>
    private int Step(byte value)
    {
        switch (_state)
        {
            case State.Name when value == Quote:
                BeginToken(State.InName, isWanted: true);
                break;
            case State.Colon when value == (byte)':':
                _state = State.Value;
                break;
            case State.AfterValue when value == (byte)',':
                _state = Position == ResponsePosition.Choices ? State.Value : State.Name;
                break;
            case State.Name or State.AfterValue when value == (byte)'}' && Position != ResponsePosition.Choices:
            case State.Value or State.AfterValue when value == (byte)']' && Position == ResponsePosition.Choices:
                Leave();
                break;
            case State.Start or State.Value:
                return BeginValue(value);
            default:
                _state = State.Broken;
                break;
        }

        return 1;
    }

    private int BeginValue(byte value)
    {
        // An error that is false or an empty string is none.
        if (value != (byte)'n' && !(_member == ResponseMember.Error && value is (byte)'f' or Quote))
        {
            facts.NoteValue(Position, _member);
        }

        switch (value)
        {
            case (byte)'{':
                if (_state == State.Start)
                {
                    facts.BeginObject();
                }

                Enter(_state == State.Start ? ResponsePosition.Root : ResponseShape.ObjectOf(Position, _member), State.Name);
                return 1;
            case (byte)'[':
                Enter(_member == ResponseMember.Choices ? ResponsePosition.Choices : ResponsePosition.None, State.Value);
                return 1;
            case Quote:
                BeginToken(State.InString, _member != ResponseMember.None);
                return 1;
            case (byte)'-' or (>= (byte)'0' and <= (byte)'9') or (byte)'t' or (byte)'f' or (byte)'n':
                BeginToken(State.InScalar, _member != ResponseMember.None);
                return 0;
            default:
                _state = State.Broken;
                return 1;
        }
    }

    private void Enter(ResponsePosition position, State next)
    {
        if (position == ResponsePosition.None)
        {
            _depth = 1;
            _isInString = false;
            _state = State.Skip;
            return;
        }

        if (position == ResponsePosition.Usage)
        {
            facts.BeginUsage();
        }

        _positions = (_positions << 8) | (byte)position;
        _member = ResponseMember.None;
        _state = next;
    }

    private void Leave()
    {
        if (Position == ResponsePosition.Usage)
        {
            facts.EndUsage();
        }

        _positions >>= 8;
        EndValue();
    }

    private void EndValue()
    {
        _member = ResponseMember.None;
        _state = _positions == 0 ? State.Closed : State.AfterValue;
    }

    private void BeginToken(State state, bool isWanted)
    {
        _state = state;
        _isWanted = isWanted;
        _isEscaping = false;
        _hasEscapes = false;
        _carriedLength = 0;
    }

    private int ReadString(ReadOnlySpan<byte> bytes, int start)
    {
        var end = FindQuote(bytes, start);
        if (end < 0)
        {
            Carry(bytes[start..]);
            return bytes.Length;
        }

        if (!TryTake(bytes[start..end], out var text))
        {
            EndString(default, isValid: false);
        }
        else if (_hasEscapes)
        {
            EndEscapedString(text);
        }
        else
        {
            EndString(text, isValid: true);
        }

        return end + 1;
    }

    private void EndEscapedString(ReadOnlySpan<byte> text)
    {
        Span<byte> resolved = stackalloc byte[Capacity];
        var isValid = JsonEscapes.TryResolve(text, resolved, out var length);
        EndString(resolved[..length], isValid);
    }

    private void EndString(ReadOnlySpan<byte> text, bool isValid)
    {
        if (_state == State.InName)
        {
            _member = isValid && text.Length <= ResponseShape.LongestName ? ResponseShape.MemberOf(Position, text) : ResponseMember.None;
            _state = State.Colon;
            return;
        }

        if (_member == ResponseMember.Error && !(isValid && text.IsEmpty))
        {
            facts.NoteValue(Position, _member);
        }

        if (isValid)
        {
            facts.Note(_member, text, isString: true);
        }

        EndValue();
    }

    private int ReadScalar(ReadOnlySpan<byte> bytes, int start)
    {
        var length = bytes[start..].IndexOfAny(ScalarEnds);
        if (length < 0)
        {
            Carry(bytes[start..]);
            return bytes.Length;
        }

        if (TryTake(bytes.Slice(start, length), out var text))
        {
            facts.Note(_member, text, isString: false);
        }

        EndValue();
        return start + length;
    }

    private int Skip(ReadOnlySpan<byte> bytes, int at)
    {
        while (at < bytes.Length)
        {
            if (_isInString)
            {
                var end = FindQuote(bytes, at);
                if (end < 0)
                {
                    break;
                }

                _isInString = false;
                at = end + 1;
            }

            var run = bytes[at..].IndexOfAny(Brackets);
            if (run < 0)
            {
                break;
            }

            at += run + 1;
            switch (bytes[at - 1])
            {
                case Quote:
                    _isInString = true;
                    _isEscaping = false;
                    break;
                case (byte)'{' or (byte)'[':
                    _depth++;
                    break;
                default:
                    if (--_depth == 0)
                    {
                        EndValue();
                        return at;
                    }

                    break;
            }
        }

        return bytes.Length;
    }

    /// <summary>The position of the quote that ends the current string; −1 if these bytes do not contain it.</summary>
    private int FindQuote(ReadOnlySpan<byte> bytes, int at)
    {
        if (_isEscaping)
        {
            _isEscaping = false;
            at++;
        }

        while (at < bytes.Length)
        {
            var run = bytes[at..].IndexOfAny(Quote, Backslash);
            if (run < 0)
            {
                return -1;
            }

            at += run;
            if (bytes[at] == Quote)
            {
                return at;
            }

            _hasEscapes = true;
            at += 2;
        }

        _isEscaping = at > bytes.Length;
        return -1;
    }

    /// <summary>Buffers the part of a token that continues in the next bytes.</summary>
    private void Carry(ReadOnlySpan<byte> part)
    {
        if (!_isWanted)
        {
            return;
        }

        if (part.Length > Capacity - _carriedLength)
        {
            _isWanted = false;
            return;
        }

        _carried ??= new byte[Capacity];
        part.CopyTo(_carried.AsSpan(_carriedLength));
        _carriedLength += part.Length;
    }

    /// <summary>Completes a token by its last part. Fails if the token is ignored or too long.</summary>
    private bool TryTake(ReadOnlySpan<byte> last, out ReadOnlySpan<byte> token)
    {
        if (_carriedLength > 0)
        {
            Carry(last);
            token = _isWanted ? _carried.AsSpan(0, _carriedLength) : default;
        }
        else
        {
            token = last;
        }

        return _isWanted && token.Length <= Capacity;
    }
}
