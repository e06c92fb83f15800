// The category tree, and beside it the category that was chosen.
import { Button, TextInput } from '@mantine/core'
import { IconArrowLeft, IconBinaryTree2, IconPlus, IconSearch, IconTrash } from '@tabler/icons-react'
import { useEffect, useState } from 'react'
import { ActionButton } from '../../../web/action.tsx'
import { useTranslation } from '../../../web/i18n.ts'
import { Page } from '../../../web/page.tsx'
import { usePhone } from '../../../web/phone.ts'
import { useRead } from '../../../web/query.ts'
import { useMay } from '../../../web/session.tsx'
import { EmptyState, ErrorState, LoadingState } from '../../../web/states.tsx'
import { Tree } from '../../../web/tree.tsx'
import { useUrl } from '../../../web/url.tsx'
import { type Category, createCategory, listCategories, restoreCategory } from '../contract.ts'
import { DeletedDialog } from './deleted.tsx'
import { CategoryDetail } from './detail.tsx'

export function CategoriesPage() {
  const { t } = useTranslation()
  const tree = useRead(listCategories, {})
  const [isShowingDeleted, setShowingDeleted] = useState(false)
  const may = useMay()
  const deleted = may(restoreCategory).allowed && (
    <Button variant="default" leftSection={<IconTrash size={16} aria-hidden />} onClick={() => setShowingDeleted(true)}>
      {t('categories.deleted_list')}
    </Button>
  )
  const add = (
    <ActionButton op={createCategory} to="/categories/new" leftSection={<IconPlus size={16} aria-hidden />}>
      {t('categories.add')}
    </ActionButton>
  )
  let body = <LoadingState />
  if (tree.data?.items.length === 0)
    body = (
      <EmptyState icon={<IconBinaryTree2 size={40} />} title={t('categories.empty_title')} action={add}>
        {t('categories.empty_text')}
      </EmptyState>
    )
  else if (tree.data) body = <TreeAndDetail rows={tree.data.items} />
  else if (tree.error) body = <ErrorState error={tree.error} retry={tree.refetch} />
  return (
    <Page
      title={t('web.nav_categories')}
      subtitle={t('categories.subtitle')}
      actions={
        <>
          {deleted}
          {tree.data?.items.length ? add : null}
        </>
      }
    >
      {body}
      {isShowingDeleted && <DeletedDialog onClose={() => setShowingDeleted(false)} />}
    </Page>
  )
}

/** On a phone one of the two at a time. */
function TreeAndDetail({ rows }: { rows: readonly Category[] }) {
  const { t } = useTranslation()
  const phone = usePhone()
  const [search, setSearch] = useUrl()
  const [filter, setFilter] = useState('')
  // On a phone the category takes the place of the tree, from its top.
  useEffect(() => {
    if (phone && search.category !== undefined) scrollTo({ top: 0 })
  }, [phone, search.category])
  const chosen = rows.find((row) => row.id === search.category)
  const isMissing = search.category !== undefined && !chosen
  return (
    <div className="tree-and-detail">
      {(!phone || search.category === undefined) && (
        <section className="surface" aria-label={t('categories.tree')}>
          <TextInput
            type="search"
            aria-label={t('categories.find')}
            placeholder={t('categories.find')}
            leftSection={<IconSearch size={16} aria-hidden />}
            value={filter}
            onChange={(event) => setFilter(event.currentTarget.value)}
            mb="sm"
          />
          <Tree label={t('categories.tree')} rows={rows} selected={chosen?.id ?? null} onSelect={(category) => setSearch({ category })} filter={filter} aside={(row) => <Aside category={row} />} />
        </section>
      )}
      {(!phone || search.category !== undefined) && (
        <div>
          {phone && (
            <Button variant="subtle" mb="xs" leftSection={<IconArrowLeft size={16} aria-hidden />} onClick={() => setSearch({ category: undefined })}>
              {t('categories.back_to_tree')}
            </Button>
          )}
          {chosen ? (
            <CategoryDetail key={chosen.id} category={chosen} rows={rows} />
          ) : (
            <EmptyState icon={<IconBinaryTree2 size={40} />} title={t(isMissing ? 'categories.gone_title' : 'categories.choose_title')}>
              {t(isMissing ? 'categories.gone_text' : 'categories.choose_text')}
            </EmptyState>
          )}
        </div>
      )}
    </div>
  )
}

function Aside({ category }: { category: Category }) {
  const { t } = useTranslation()
  return (
    <>
      {category.maintenance_interval_days !== null && <span className="tree-interval">{t('categories.days_short', { count: category.maintenance_interval_days })}</span>}
      {category.type_code && <span className="mono tree-code">{category.type_code}</span>}
      <span className="tree-count">
        <span className="visually-hidden">{t('categories.machines', { count: category.equipment_count })}</span>
        <span aria-hidden>{category.equipment_count}</span>
      </span>
    </>
  )
}
