// The four control-plane programs of a single-node Kubernetes cluster in one
// binary: one build, one file to cache. The first argument names the program,
// the rest are its own flags.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

func command(program string) *cobra.Command {
	switch program {
	case "kube-apiserver":
		return apiserver.NewAPIServerCommand()
	case "kube-controller-manager":
		return controllermanager.NewControllerManagerCommand()
	case "kube-scheduler":
		return scheduler.NewSchedulerCommand()
	case "kubelet":
		return kubelet.NewKubeletCommand(context.Background())
	}
	fmt.Fprintf(os.Stderr, "unknown program %q: want kube-apiserver, kube-controller-manager, kube-scheduler or kubelet\n", program)
	os.Exit(2)
	return nil
}

func main() {
	if len(os.Args) < 2 {
		os.Args = append(os.Args, "")
	}
	program := command(os.Args[1])
	os.Args = os.Args[1:]
	os.Exit(cli.Run(program))
}
