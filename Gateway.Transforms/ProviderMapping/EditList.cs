using OpenRouterGateway.Transforms.RequestBody;

namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>Collects edits in any order, and builds the sorted list for splicing a body.</summary>
internal sealed class EditList
{
    // Most requests have at most one edit, so the list is created for the second one.
    private BodyEdit _first;
    private List<BodyEdit>? _all;
    private int _count;

    /// <summary>The number of edits before merging.</summary>
    public int Count => _count;

    /// <summary>Adds an edit of the received body. An edit that changes nothing is ignored.</summary>
    public void Add(int offset, int remove, ReadOnlyMemory<byte> insert)
    {
        if (remove == 0 && insert.IsEmpty)
        {
            return;
        }

        var edit = new BodyEdit(offset, remove, insert);
        if (_count == 0)
        {
            _first = edit;
        }
        else
        {
            _all ??= [_first];
            _all.Add(edit);
        }

        _count++;
    }

    /// <summary>The edits in ascending order. Edits at the same offset are merged, in the order in which they were added.</summary>
    public IReadOnlyList<BodyEdit> Build()
    {
        if (_all is null)
        {
            return _count == 0 ? [] : [_first];
        }

        var merged = new List<BodyEdit>(_count);
        foreach (var edit in _all.OrderBy(edit => edit.Offset))
        {
            if (merged.Count > 0 && merged[^1].Offset == edit.Offset)
            {
                var earlier = merged[^1];
                byte[] insert = [.. earlier.Insert.Span, .. edit.Insert.Span];
                merged[^1] = new BodyEdit(edit.Offset, earlier.Remove + edit.Remove, insert);
            }
            else
            {
                merged.Add(edit);
            }
        }

        return merged;
    }
}
