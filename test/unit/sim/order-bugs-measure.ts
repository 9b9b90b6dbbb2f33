import { orderBugs, runOrder } from './order-bugs.ts'
import type { SchedulerPlan } from '../../../sim/schedulers/scheduler.ts'
for (const bug of orderBugs) {
  const u: SchedulerPlan = { type: 'uniform', messagesInRow: 1 }
  let turns = 0
  for (let s=1;s<=50;s++) turns = Math.max(turns, runOrder(bug, {seed:s, scheduler:u, fixed:true}).turns, runOrder(bug, {seed:s, scheduler:u}).turns)
  const plans: [string, SchedulerPlan][] = [['uniform32', {type:'uniform', messagesInRow:32}], ['uniform', u], ...[1,2,3,4].map((depth): [string, SchedulerPlan] => [`pct${depth}`, {type:'pct', depth, steps: bug.turns, messagesInRow:1}]), ...[1,2,4,8].map((delays): [string, SchedulerPlan] => [`delay${delays}`, {type:'delay-bounded', delays, steps: bug.turns, messagesInRow:1}])]
  const t0=Date.now(); let fixedBad = 0
  const out = plans.map(([n,p]) => { let c=0; for (let s=1;s<=1000;s++) { if (runOrder(bug,{seed:s,scheduler:p}).broken) c++; if (runOrder(bug,{seed:s,scheduler:p,fixed:true}).broken) fixedBad++ } return `${n}=${c}` })
  console.log(bug.name, 'turns', turns, out.join(' '), 'fixed broken', fixedBad, 'bound', (1000/(bug.actors*bug.turns**(bug.depth-1))).toFixed(2), Date.now()-t0)
}
