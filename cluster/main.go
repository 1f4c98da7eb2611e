// Tidings-cluster is Kubernetes in one binary, for the tests, the demo and the
// benchmarks: the control plane (`etcd`, `kube-apiserver`,
// `kube-controller-manager`) and what a node needs besides (`kube-scheduler`,
// `kubelet`), each with the flags of the original program.
//
// It holds no logic of its own: the first argument names the program, and all
// that follows is the program's. Their errors and exit codes are passed on.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	_ "time/tzdata" // CronJobs with a time zone, on machines without a zone database.

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // The clients' metrics, as in the original programs.
	_ "k8s.io/component-base/metrics/prometheus/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// programs are the ones that main can become. Each takes its arguments from
// os.Args, of which the first is then its own name. Only the command that is asked
// for is made: to make kube-apiserver's uses up the process' one signal handler, and
// another command would then panic.
var programs = map[string]func() int{
	"etcd":                    func() int { etcdmain.Main(os.Args); return 0 },
	"kube-apiserver":          func() int { return cli.Run(apiserver.NewAPIServerCommand()) },
	"kube-controller-manager": func() int { return cli.Run(controllers.NewControllerManagerCommand()) },
	"kube-scheduler":          func() int { return cli.Run(scheduler.NewSchedulerCommand()) },
	"kubelet":                 func() int { return cli.Run(kubelet.NewKubeletCommand(context.Background())) },
}

func main() {
	// A link named after a program is that program: KUBEBUILDER_ASSETS works this way.
	args := os.Args
	if _, linked := programs[filepath.Base(args[0])]; !linked {
		args = args[1:]
	}
	if len(args) == 0 {
		usage()
	}
	program, known := programs[filepath.Base(args[0])]
	if !known {
		usage()
	}
	os.Args = slices.Clone(args)
	os.Exit(program())
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: tidings-cluster etcd|kube-apiserver|kube-controller-manager|kube-scheduler|kubelet [FLAG...]")
	os.Exit(2)
}
