using System.IO.Pipelines;

namespace FakeOpenRouter;

/// <summary>A reader that stays usable after its completion.</summary>
internal sealed class LingeringReader(PipeReader inner) : PipeReader
{
    // The end of a read that was not advanced past.
    private SequencePosition? _unread;

    public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        var result = await inner.ReadAsync(cancellationToken);
        _unread = result.Buffer.End;
        return result;
    }

    public override bool TryRead(out ReadResult result)
    {
        if (!inner.TryRead(out result))
        {
            return false;
        }

        _unread = result.Buffer.End;
        return true;
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        _unread = null;
        inner.AdvanceTo(consumed, examined);
    }

    public override void CancelPendingRead() => inner.CancelPendingRead();

    public override void Complete(Exception? exception = null)
    {
        if (_unread is { } end)
        {
            AdvanceTo(end);
        }
    }
}
