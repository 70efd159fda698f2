using System.Diagnostics.CodeAnalysis;

namespace Gateway.Limits;

/// <summary>The result of <see cref="ILimitStore.EnterAsync"/>: a lease, or a refusal by a concurrency limit.</summary>
internal readonly record struct LimitEntry
{
    public LimitEntry(ILimitLease lease) => Lease = lease;

    public LimitEntry(LimitResult refusal) => Refusal = refusal;

    /// <summary>The lease; <see langword="null"/> if refused.</summary>
    public ILimitLease? Lease { get; }

    /// <summary>The refusal, with the levels of the other limits; <see langword="null"/> if granted.</summary>
    public LimitResult? Refusal { get; }

    [MemberNotNullWhen(true, nameof(Lease))]
    [MemberNotNullWhen(false, nameof(Refusal))]
    public bool IsGranted => Lease is not null;
}
