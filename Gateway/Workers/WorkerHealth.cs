namespace Gateway.Workers;

/// <summary>The registry of all workers of the process. Workers register themselves; metrics read their states.</summary>
internal sealed class WorkerHealth
{
    private readonly Lock _gate = new();
    private WorkerState[] _workers = [];

    /// <summary>The workers in the order of their registration.</summary>
    public IReadOnlyList<WorkerState> Workers => Volatile.Read(ref _workers);

    /// <summary>Adds a worker and returns its state, without failures.</summary>
    public WorkerState Register(string name)
    {
        var worker = new WorkerState(name);
        lock (_gate)
        {
            Volatile.Write(ref _workers, [.. _workers, worker]);
        }

        return worker;
    }
}
