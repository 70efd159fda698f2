namespace Soak;

/// <summary>The resources of the gateway at one moment.</summary>
/// <param name="At">The time since the load began; negative before it.</param>
/// <param name="Megabytes">Resident memory (<c>VmRSS</c>).</param>
/// <param name="Threads">The number of threads.</param>
/// <param name="Files">Open file descriptors, sockets included, loaded libraries not.</param>
/// <param name="Sockets">The number of open sockets.</param>
/// <param name="CpuTime">User and system time since the start.</param>
/// <param name="CpuPercent">The share of one processor since the previous sample.</param>
internal sealed record Sample(TimeSpan At, double Megabytes, int Threads, int Files, int Sockets, TimeSpan CpuTime, double CpuPercent);
