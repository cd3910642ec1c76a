import type { Services } from '../../services.js'
import { appointmentApi } from '../appointment-api.js'
import { leadApi } from '../lead-api.js'
import { resourceRoutes } from '../resource-routes.js'
import type { Route } from '../route.js'
import { staffApi } from '../staff-api.js'
import { taskApi } from '../task-api.js'

/** A company's users, leads, appointments and tasks. */
export const companyResourceRoutes = ({
  staff,
  leads,
  appointments,
  tasks,
}: Pick<Services, 'staff' | 'leads' | 'appointments' | 'tasks'>): Route[] => [
  ...resourceRoutes({ ...staffApi, store: staff }),
  ...resourceRoutes({ ...leadApi, store: leads }),
  ...resourceRoutes({ ...appointmentApi, store: appointments }),
  ...resourceRoutes({ ...taskApi, store: tasks }),
]
