namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>An owner of bodies that hold or wait for memory. Guarded by the lock of the <see cref="BodyBudget"/>.</summary>
internal sealed class BodyOwner
{
    public BodyOwner(object key)
    {
        Key = key;
        Turn = new LinkedListNode<BodyOwner>(this);
    }

    public object Key { get; }

    /// <summary>The reserved bytes.</summary>
    public long Held { get; set; }

    /// <summary>The waiting bodies, in order of arrival.</summary>
    public LinkedList<BodyWaiter> Waiting { get; } = [];

    /// <summary>The place in the order of turns, while a body is waiting.</summary>
    public LinkedListNode<BodyOwner> Turn { get; }
}
