using System.Buffers;
using System.Runtime.CompilerServices;

namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>
/// The open objects and arrays of a JSON text, one bit per level, so that depth needs neither stack nor objects. A mutable struct: keep it
/// in one field.
/// </summary>
internal struct JsonNesting : IDisposable
{
    // A set bit means an object. _levels holds the innermost levels up to the last multiple of 64, _outer the levels outside of them.
    private ulong _levels;
    private ulong[]? _outer;
    private int _depth;

    /// <summary>The number of open objects and arrays.</summary>
    public readonly int Depth => _depth;

    /// <summary>Whether the innermost level is an object.</summary>
    public readonly bool InObject => (_levels & 1) != 0;

    /// <summary>Opens a level.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Push(bool isObject)
    {
        if (_depth > 0 && _depth % 64 == 0)
        {
            Spill();
        }

        _levels = (_levels << 1) | (isObject ? 1UL : 0);
        _depth++;
    }

    /// <summary>Closes the innermost level.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Pop()
    {
        _depth--;
        _levels = _depth > 0 && _depth % 64 == 0 ? _outer![(_depth / 64) - 1] : _levels >> 1;
    }

    /// <summary>Returns the array that nesting of more than 64 levels has rented.</summary>
    public void Dispose()
    {
        if (_outer is not null)
        {
            ArrayPool<ulong>.Shared.Return(_outer);
            _outer = null;
        }
    }

    private void Spill()
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
}
