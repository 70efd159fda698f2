using System.Buffers;
using System.Runtime.CompilerServices;
using System.Text.Json;
using OpenRouterGateway.Transforms.Json;
using OpenRouterGateway.Transforms.RequestBody.Tools;

namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>
/// Collects the routing members of a body during the scan: their positions, and the strings in them that are model names. A mutable struct:
/// keep it in one field.
/// </summary>
internal struct RoutingMemberCollector()
{
    /// <summary>
    /// The maximum number of routing members, and of model names, in one body. It limits the memory that a hostile body can use, and is far
    /// above the number that clients send.
    /// </summary>
    public const int MaxEntries = 1024;

    /// <summary>The maximum length of a model name, in bytes of the body.</summary>
    public const int MaxModelNameLength = 512;

    // The longest spelling of a routing member's name: 22 letters of six bytes each ("\u0073\u0074…").
    private const int KeyCapacity = 22 * 6;

    // Only values at depth 1 matter, except `tools` of an item of `input`, and every value in a list that is searched for server tools.
    private const int TopLevel = 1;
    private const int ItemLevel = 3; // the members of an object in an array that is a member of the body
    private const int EveryLevel = int.MaxValue;

    private readonly List<BodyMember> _members = [];
    private readonly List<(ByteRange Value, int Member)> _names = [];

    // The current member, at depth 1.
    private long _keyStart;
    private BodyMemberName? _member;
    private long _valueStart;
    private JsonValueKind _valueKind;
    private bool _hasItems; // whose names matter: entries of `fallbacks`, items of `input`
    private bool _awaitsComma;

    private long _insertAt;
    private bool _isEmpty = true;

    // The values down to this depth matter.
    private int _watchedDepth = TopLevel;
    private ServerToolScanner? _tools;
    private int _listDepth; // of the value that is searched for server tools

    // The current name or value, collected because it may have escapes or span two pieces.
    private KeyBuffer _key;
    private int _keyLength;
    private bool _keyIsModel; // in an entry of `fallbacks`

    /// <summary>The offset of the name of the current member.</summary>
    public readonly long KeyStart => _keyStart;

    /// <summary>The depth down to which <see cref="EndValue"/> has to be called.</summary>
    public readonly int WatchedDepth => _watchedDepth;

    /// <summary>Whether the bytes of the string value that begins have to be added.</summary>
    public bool CollectsValue { get; private set; }

    /// <summary>Records the beginning of the object.</summary>
    public void BeginBody(long at) => _insertAt = at + 1;

    /// <summary>Records the beginning of a member name.</summary>
    /// <returns>Whether the bytes of the name have to be added.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool BeginKey(long at, int depth)
    {
        _keyLength = 0;
        if (depth == 1)
        {
            _keyStart = at;
        }

        return KeyMatters(depth);
    }

    /// <summary>Adds bytes to the current member name or value.</summary>
    public void AddText(ReadOnlySpan<byte> bytes)
    {
        // A name that does not fit is not a routing member.
        if (_keyLength + bytes.Length <= KeyCapacity)
        {
            bytes.CopyTo(_key[_keyLength..]);
        }

        _keyLength = (int)Math.Min((long)_keyLength + bytes.Length, KeyCapacity + 1);
    }

    /// <summary>Records the end of a member name whose bytes were added.</summary>
    public void EndKey(int depth)
    {
        ReadOnlySpan<byte> text = _keyLength <= KeyCapacity ? _key[.._keyLength] : default;
        if (depth == 1)
        {
            _member = MemberNames.Find(text);
        }
        else if (_watchedDepth == TopLevel)
        {
            var name = MemberNames.Find(text);
            _keyIsModel = name == BodyMemberName.Model;
            if (name == BodyMemberName.Tools && _member == BodyMemberName.Input)
            {
                _watchedDepth = ItemLevel;
            }
        }
        else
        {
            _tools!.EndKey(ToolText.FindKey(text), depth);
        }
    }

    /// <summary>Records the beginning of a value.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void BeginValue(long at, JsonValueKind kind, int depth)
    {
        if (depth <= _watchedDepth)
        {
            BeginWatchedValue(at, kind, depth);
        }
    }

    /// <summary>Records the end of a string value.</summary>
    /// <returns>The fault of the body, at the start of the string; <see langword="null"/> if there is none.</returns>
    public string? EndString(long start, long end, int depth, bool inObject)
    {
        if (_watchedDepth != TopLevel)
        {
            ReadOnlySpan<byte> text = CollectsValue && _keyLength <= KeyCapacity ? _key[.._keyLength] : default;
            CollectsValue = false;
            _tools!.EndString(new ByteRange((int)start, (int)(end - start)), depth, text);
        }

        // The value of `model`, an entry of `models` or `fallbacks`, or `model` in an entry of `fallbacks`.
        var namesModel = _member switch
        {
            BodyMemberName.Model => depth == 1,
            BodyMemberName.Models => depth == 2 && !inObject,
            BodyMemberName.Fallbacks when _hasItems => depth == 2 || (depth == ItemLevel && inObject && _keyIsModel),
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

    /// <summary>Records the end of a value at a depth that is watched.</summary>
    /// <returns>The fault of the body, at <see cref="KeyStart"/>; <see langword="null"/> if there is none.</returns>
    public string? EndValue(long end, int depth)
    {
        if (_watchedDepth == EveryLevel)
        {
            if (depth > _listDepth)
            {
                _tools!.EndValue((int)end, depth);
                _awaitsComma |= depth == 2;
            }
            else
            {
                _watchedDepth = TopLevel;
                _tools!.EndList();
            }

            if (_tools.Problem is { } problem)
            {
                return problem;
            }
        }

        return depth == 1 ? EndMember(end) : null;
    }

    private string? EndMember(long end)
    {
        _isEmpty = false;
        _insertAt = end;
        if (_member is { } name)
        {
            if (_members.Count == MaxEntries)
            {
                return $"more than {MaxEntries} routing members";
            }

            if (name == BodyMemberName.Preset && _valueKind == JsonValueKind.String && end - _valueStart - 2 > MaxModelNameLength)
            {
                return $"a preset of more than {MaxModelNameLength} bytes";
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
            if (_watchedDepth != TopLevel)
            {
                _tools!.AddComma((int)at);
            }
            else
            {
                _members[^1] = _members[^1] with { CommaEnd = (int)(at + 1) };
            }
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

        return new BodyFacts(length, (int)_insertAt, _isEmpty, _members, models, body)
        {
            Prompt = prompt,
            ServerTools = ServerToolFacts.Read(_members, _tools?.Records, body),
        };
    }

    // Names matter in the object itself, in entries of its `fallbacks`, in items of its `input`, and where server tools are searched.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly bool KeyMatters(int depth) =>
        depth == 1
        || (_watchedDepth == TopLevel
            ? depth == ItemLevel && _hasItems
            : _tools!.KeyMatters(depth));

    private void BeginWatchedValue(long at, JsonValueKind kind, int depth)
    {
        if (_watchedDepth == EveryLevel)
        {
            CollectsValue = _tools!.BeginValue((int)at, kind, depth);
            _keyLength = 0;
            return;
        }

        if (depth == 1)
        {
            _valueStart = at;
            _valueKind = kind;
            _hasItems = kind == JsonValueKind.Array && _member is BodyMemberName.Fallbacks or BodyMemberName.Input;
            if (_member is not (BodyMemberName.Tools or BodyMemberName.Plugins))
            {
                return;
            }
        }

        _watchedDepth = TopLevel;
        if (kind is not (JsonValueKind.Null or JsonValueKind.False))
        {
            _tools ??= new ServerToolScanner();
            _tools.BeginList(_member == BodyMemberName.Plugins, _members.Count, kind, depth);
            _listDepth = depth;
            _watchedDepth = EveryLevel;
        }
    }

    [InlineArray(KeyCapacity)]
    private struct KeyBuffer
    {
        private byte _first;
    }
}
