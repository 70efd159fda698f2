using System.Buffers;
using System.Runtime.CompilerServices;
using System.Text.Json;
using OpenRouterGateway.Transforms.Json;

namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>
/// Collects the routing members of a body during the scan: their positions, and the strings in them that are model names. A mutable struct:
/// keep it in one field.
/// </summary>
internal struct RoutingMemberCollector()
{
    /// <summary>
    /// The maximum number of routing members, and of model names, in one body. It limits the memory that a hostile body can use, and is far
    /// above what clients send.
    /// </summary>
    public const int MaxEntries = 1024;

    /// <summary>The maximum length of a model name, in bytes of the body.</summary>
    public const int MaxModelNameLength = 4096;

    // The longest spelling of a routing member's name: 21 letters of six bytes each ("\u006d\u0061…").
    private const int KeyCapacity = 21 * 6;

    private readonly List<BodyMember> _members = [];
    private readonly List<(ByteRange Value, int Member)> _names = [];

    // The current member, at depth 1.
    private long _keyStart;
    private BodyMemberName? _member;
    private long _valueStart;
    private JsonValueKind _valueKind;
    private bool _awaitsComma;

    private long _insertAt;
    private bool _isEmpty = true;

    // The current name, collected because it may have escapes or span two pieces.
    private KeyBuffer _key;
    private int _keyLength;
    private bool _keyIsModel; // in an entry of `fallbacks`

    /// <summary>The offset of the name of the current member.</summary>
    public readonly long KeyStart => _keyStart;

    /// <summary>Records the beginning of the object.</summary>
    public void BeginBody(long at) => _insertAt = at + 1;

    /// <summary>Records the beginning of a member name.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void BeginKey(long at, int depth)
    {
        _keyLength = 0;
        if (depth == 1)
        {
            _keyStart = at;
        }
    }

    /// <summary>Adds bytes to the current member name.</summary>
    public void AddToKey(ReadOnlySpan<byte> bytes, int depth)
    {
        if (!KeyMatters(depth))
        {
            return;
        }

        // A name that does not fit is not a routing member.
        if (_keyLength + bytes.Length <= KeyCapacity)
        {
            bytes.CopyTo(_key[_keyLength..]);
        }

        _keyLength = (int)Math.Min((long)_keyLength + bytes.Length, KeyCapacity + 1);
    }

    /// <summary>Records the end of the current member name.</summary>
    public void EndKey(int depth)
    {
        if (!KeyMatters(depth))
        {
            return;
        }

        var key = _keyLength <= KeyCapacity ? MemberNames.Find(_key[.._keyLength]) : null;
        if (depth == 1)
        {
            _member = key;
        }
        else
        {
            _keyIsModel = key == BodyMemberName.Model;
        }
    }

    /// <summary>Records the beginning of a value.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void BeginValue(long at, JsonValueKind kind, int depth)
    {
        if (depth == 1)
        {
            _valueStart = at;
            _valueKind = kind;
        }
    }

    /// <summary>Records the end of a string value.</summary>
    /// <returns>The fault of the body, at the start of the string; <see langword="null"/> if there is none.</returns>
    public string? EndString(long start, long end, int depth, bool inObject)
    {
        // The value of `model`, an entry of `models` or `fallbacks`, or `model` in an entry of `fallbacks`.
        var namesModel = _member switch
        {
            BodyMemberName.Model => depth == 1,
            BodyMemberName.Models => depth == 2 && !inObject,
            BodyMemberName.Fallbacks when _valueKind == JsonValueKind.Array => depth == 2 || (depth == 3 && inObject && _keyIsModel),
            _ => false,
        };
        if (namesModel)
        {
            if (end - start - 2 > MaxModelNameLength)
            {
                return $"a model name of more than {MaxModelNameLength} bytes";
            }

            if (_names.Count == MaxEntries)
            {
                return $"more than {MaxEntries} model names";
            }

            _names.Add((new ByteRange((int)start, (int)(end - start)), _members.Count));
        }

        return null;
    }

    /// <summary>Records the end of the value of a member.</summary>
    /// <returns>The fault of the body, at <see cref="KeyStart"/>; <see langword="null"/> if there is none.</returns>
    public string? EndMember(long end)
    {
        _isEmpty = false;
        _insertAt = end;
        if (_member is { } name)
        {
            if (_members.Count == MaxEntries)
            {
                return $"more than {MaxEntries} routing members";
            }

            // The casts cannot overflow: the host limits a body to less than int.MaxValue bytes.
            var value = new ByteRange((int)_valueStart, (int)(end - _valueStart));
            _members.Add(new BodyMember(name, (int)_keyStart, value, _valueKind, CommaEnd: -1));
            _awaitsComma = true;
            _member = null;
        }

        return null;
    }

    /// <summary>Records a comma after a value.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void AddComma(long at)
    {
        if (_awaitsComma)
        {
            _awaitsComma = false;
            _members[^1] = _members[^1] with { CommaEnd = (int)(at + 1) };
        }
    }

    /// <summary>The facts about the body.</summary>
    /// <param name="length">The length of the body in bytes.</param>
    /// <param name="prompt">The facts about the prompt.</param>
    /// <param name="body">The body.</param>
    public readonly BodyFacts ToFacts(int length, in PromptFacts prompt, in ReadOnlySequence<byte> body)
    {
        var models = _names.Count == 0 ? [] : new ModelName[_names.Count];
        for (var i = 0; i < models.Length; i++)
        {
            var (value, member) = _names[i];
            models[i] = new ModelName(JsonStringDecoder.Decode(body.Slice(value.Start + 1, value.Length - 2)), value, member);
        }

        return new BodyFacts(length, (int)_insertAt, _isEmpty, _members, models, body) { Prompt = prompt };
    }

    // Names matter in the object itself and in entries of its `fallbacks`.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly bool KeyMatters(int depth) =>
        depth == 1 || (depth == 3 && _member == BodyMemberName.Fallbacks && _valueKind == JsonValueKind.Array);

    [InlineArray(KeyCapacity)]
    private struct KeyBuffer
    {
        private byte _first;
    }
}
