using System.ClientModel.Primitives;

namespace Soak.Chaos.Clients;

/// <summary>Adds the script for upstream and an id to each request of a call, and counts them.</summary>
internal sealed class ScriptPolicy(SdkCall call) : PipelinePolicy
{
    public int Tries { get; private set; }

    public override void Process(PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex)
    {
        Apply(message);
        ProcessNext(message, pipeline, currentIndex);
    }

    public override ValueTask ProcessAsync(PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex)
    {
        Apply(message);
        return ProcessNextAsync(message, pipeline, currentIndex);
    }

    private void Apply(PipelineMessage message)
    {
        Tries++;
        message.Request.Headers.Set("x-fake-id", call.IdOf(Tries));
        message.Request.Headers.Set(call.Script.Name, call.Script.Value);
    }
}
