using System.Threading.Tasks.Sources;
using Microsoft.Extensions.ObjectPool;

namespace Gateway.Ledger;

/// <summary>The pending result of a queued write. Its caller awaits it once; then it is reused.</summary>
internal sealed class LedgerWaiter : IValueTaskSource
{
    // More than ever wait at once.
    private const int MaxSpare = 4096;

    private static readonly DefaultObjectPool<LedgerWaiter> Pool = new(new DefaultPooledObjectPolicy<LedgerWaiter>(), MaxSpare);

    private ManualResetValueTaskSourceCore<bool> _core = new() { RunContinuationsAsynchronously = true };

    /// <summary>The result that the caller awaits.</summary>
    public ValueTask Result => new(this, _core.Version);

    /// <summary>Returns a waiter without a result.</summary>
    public static LedgerWaiter Rent() => Pool.Get();

    /// <summary>Completes the write.</summary>
    /// <param name="asynchronously">Whether the continuation runs on another thread of the pool.</param>
    public void SetDone(bool asynchronously)
    {
        _core.RunContinuationsAsynchronously = asynchronously;
        _core.SetResult(true);
    }

    /// <summary>Ends the write with an exception.</summary>
    public void SetFailed(LedgerException failure)
    {
        _core.RunContinuationsAsynchronously = true;
        _core.SetException(failure);
    }

    public void GetResult(short token)
    {
        try
        {
            _core.GetResult(token);
        }
        finally
        {
            _core.Reset();
            Pool.Return(this);
        }
    }

    public ValueTaskSourceStatus GetStatus(short token) => _core.GetStatus(token);

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);
}
